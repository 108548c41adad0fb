"""Folding the input scaling and normalisation of training into the synapses after the input.

Chips are fed values >= 0, ideally integers: pixels 0..255 are payloads as they are, while pixels / 255 would have to be
rounded.  A network trained on transformed values can take raw ones if the operations after the input are changed
instead, without approximation::

    W ((x s - mean) / std) + b  =  (W s / std) x  +  b + c          c = W (-mean / std), zeros padded as W pads

``c`` becomes a bias of the last weighted operation if that can express it.  After a padded convolution it cannot: the
border is padded with zeros of *normalised* values, so ``c`` differs there; it then goes to the bias of each neuron.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spear_deploy.errors import Finding, InputError, UnsupportedError
from spear_deploy.network.graph import Network, Population, Projection
from spear_deploy.network.ops import AvgPool2d, Conv2d, Flatten, Linear, LinearOp, Scale, Shape, SumPool2d
from spear_deploy.network.synapses import apply

Array: TypeAlias = NDArray[np.float64]

_CONSTANT = 1e-6
"""Relative variation over a map below which a bias counts as one number per channel (single precision)."""
_WHOLE = 1e-3
"""Raw values this close to integers were integers before they were scaled and normalised."""
_FIX = "give MEAN,STD, or by channel M1,M2,M3/S1,S2,S3"


@dataclass(frozen=True)
class InputTransform:
    """The transform of raw values x in training, ``(x * scale - mean) / std``; one mean and std, or one per channel."""

    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    scale: float = 1.0

    @classmethod
    def of(cls, normalise: object = None, scale: str | float | None = None) -> InputTransform:
        """Read ``--normalise`` and ``--input-scale``, or keywords of the same names.

        ``normalise`` is ``"MEAN,STD"``, ``"M1,M2,M3/S1,S2,S3"``, or a pair of numbers or of sequences; ``scale`` a
        number or a fraction such as ``"1/255"``.  Raises :class:`InputError` (E016) with everything invalid.
        """
        findings: list[Finding] = []
        mean, std = ((0.0,), (1.0,)) if normalise is None else _mean_and_std(normalise, findings)
        factor = 1.0 if scale is None else _scale_factor(scale, findings)
        if findings:
            raise InputError(findings)
        return cls(mean, std, factor)

    @property
    def is_normalised(self) -> bool:
        """Whether a mean and standard deviation were given that change anything."""
        return set(self.mean) != {0.0} or set(self.std) != {1.0}

    @property
    def is_identity(self) -> bool:
        """Whether raw values stay as they are."""
        return not self.is_normalised and self.scale == 1.0

    def __str__(self) -> str:
        mean, std = (",".join(f"{value:g}" for value in values) for values in (self.mean, self.std))
        parts = [f"--input-scale {self.scale:g}"] if self.scale != 1.0 else []
        parts += [f"--normalise {mean}{'/' if len(self.mean) > 1 else ','}{std}"] if self.is_normalised else []
        return " ".join(parts)

    def raw(self, x: NDArray[Any], axis: int) -> NDArray[np.float32]:
        """Return the raw values of transformed ones, with channels along ``axis``; near-integers are rounded."""
        shape = [1] * x.ndim
        shape[axis] = len(self.mean)
        raw = (x.astype(np.float64) * np.reshape(self.std, shape) + np.reshape(self.mean, shape)) / self.scale
        whole = np.rint(raw)
        if whole.max(initial=0.0) >= 1 and np.abs(raw - whole).max() < _WHOLE:
            raw = whole
        result: NDArray[np.float32] = raw.astype(np.float32)
        return result

    def maps(self, shape: Shape, where: str) -> tuple[Array, Array]:
        """Return factor and shift, ``x * factor + shift``, of every input of ``shape``.

        Raises :class:`InputError` (E016) for another number of channels.
        """
        if len(self.mean) not in (1, shape[0]):
            message = f"{len(self.mean)} means for the {shape[0]} channels of {where} {shape}"
            raise InputError.of("E016", str(self), message, f"give 1 or {shape[0]}")
        by_channel = (len(self.mean), *[1] * (len(shape) - 1))
        mean, std = (np.broadcast_to(np.reshape(v, by_channel), shape) for v in (self.mean, self.std))
        return self.scale / std, -mean / std


def _mean_and_std(given: Any, findings: list[Finding]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    where = f"--normalise {given}"
    try:
        halves = _halves(given) if isinstance(given, str) else given
        mean, std = (tuple(map(float, np.ravel(np.asarray(part, np.float64)))) for part in halves)
    except (TypeError, ValueError):
        findings.append(Finding("E016", where, "is not a mean and standard deviation", _FIX))
        return (0.0,), (1.0,)
    if len(mean) != len(std) or not mean or not np.all(np.isfinite([*mean, *std])) or min(std) <= 0:
        message = f"{len(mean)} means and {len(std)} standard deviations, which must be as many and above 0"
        findings.append(Finding("E016", where, message, _FIX))
    return mean, std


def _halves(text: str) -> list[list[float]]:
    """Return the numbers before and after the slash, or two separated by a comma."""
    parts = text.split("/") if "/" in text else text.split(",")
    if len(parts) != 2:
        raise ValueError(text)
    return [[float(number) for number in part.split(",")] for part in parts]


def _scale_factor(given: str | float, findings: list[Finding]) -> float:
    try:
        over, _, under = str(given).partition("/")
        factor = float(over) / float(under or 1)
    except (ValueError, ZeroDivisionError):
        factor = np.nan
    if not 0 < factor < np.inf:
        message = "is not a factor above 0"
        fix = "give a number or a fraction, such as 1/255"
        findings.append(Finding("E016", f"--input-scale {given}", message, fix))
    return factor


def fold_transform(network: Network, transform: InputTransform) -> Network:
    """Return the network that gives for raw values what ``network`` gives for transformed ones.

    Raises :class:`InputError` (E016) for another number of channels, and :class:`UnsupportedError` (E016) with every
    projection into which it cannot be folded.
    """
    if transform.is_identity:
        return network
    for port in network.inputs:
        factor, shift = transform.maps(port.shape, f"input {port.name!r}")
        findings: list[Finding] = []
        for projection in network.out_of(port.name):
            network = _fold(network, projection, factor, shift, findings)
        if findings:
            raise UnsupportedError(findings)
    return network


def _fold(network: Network, projection: Projection, factor: Array, shift: Array, findings: list[Finding]) -> Network:
    """Fold ``x * factor + shift`` into one projection, or add to the findings why that is impossible."""
    ops, rest = _add_bias(_scale(projection.ops, factor), projection.ops, shift)
    target = network[projection.target]
    assert isinstance(target, Population)
    where = f"projection {projection.name!r}"
    if projection.delay and np.any(shift):
        message = "it is delayed: before the first value arrives, the network takes the mean, the chip nothing"
        findings.append(Finding("E016", where, message, "train without the delay"))
    elif rest is not None and target.neuron.has_current:
        message = (
            "what the mean adds differs from place to place (padding), and a synaptic current takes one bias a channel"
        )
        fix = "train the first layer without padding or without a synaptic filter, or on values that are not centred"
        findings.append(Finding("E016", where, message, fix))
    elif rest is not None:
        bias = (target.neuron.bias + target.neuron.gain * rest).astype(np.float32)
        target = replace(target, neuron=replace(target.neuron, bias=bias))
    projections = tuple(replace(p, ops=ops) if p is projection else p for p in network.projections)
    populations = tuple(target if p.name == target.name else p for p in network.populations)
    return replace(network, projections=projections, populations=populations)


def _scale(ops: tuple[LinearOp, ...], factor: Array) -> tuple[LinearOp, ...]:
    """Return the chain with a factor per input channel moved into its first weights."""
    passed = factor
    for index, op in enumerate(ops):
        match op:
            case Linear():
                changed: LinearOp = replace(op, weight=(op.weight * passed.reshape(-1)).astype(np.float32))
            case Conv2d():
                outputs, inputs, *kernel = op.weight.shape
                by_group = op.weight.reshape(op.groups, outputs // op.groups, inputs, *kernel)
                by_channel = passed[:, 0, 0].reshape(op.groups, 1, inputs, 1, 1)
                changed = replace(op, weight=(by_group * by_channel).reshape(op.weight.shape).astype(np.float32))
            case Scale():
                changed = replace(op, factor=(op.factor * passed).astype(np.float32))
            case SumPool2d() | AvgPool2d():  # each channel by itself
                passed = np.broadcast_to(passed[:, :1, :1], op.output_shape(passed.shape))
                continue
            case Flatten():
                passed = passed.reshape(-1)
                continue
        return (*ops[:index], changed, *ops[index + 1 :])
    return (Scale(np.ascontiguousarray(factor, np.float32)), *ops)


def _add_bias(
    scaled: tuple[LinearOp, ...], ops: Sequence[LinearOp], shift: Array
) -> tuple[tuple[LinearOp, ...], Array | None]:
    """Give the last weighted operation of ``scaled`` the bias equivalent to ``shift`` before ``ops``.

    Returns the chain, and the biases of single neurons if the chain cannot express it.
    """
    if not np.any(shift):
        return scaled, None
    constant, bias, place = shift[None], None, 0
    for index, op in enumerate(ops):
        constant = apply(op, constant, with_bias=False)
        if isinstance(op, Conv2d | Linear):
            bias, place = _bias(op, constant[0]), index
    if bias is None:
        return scaled, constant[0]
    weighted = scaled[place]
    assert isinstance(weighted, Conv2d | Linear)
    return (*scaled[:place], replace(weighted, bias=bias), *scaled[place + 1 :]), None


def _bias(op: Conv2d | Linear, constant: Array) -> NDArray[np.float32] | None:
    """Return the operation's bias plus a constant, (N,) or (C, H, W); None if it varies within a channel."""
    flat = constant.reshape(len(constant), -1)
    if np.ptp(flat, axis=1).max() > _CONSTANT * np.abs(flat).max():
        return None
    added = flat.mean(axis=1)
    bias: NDArray[np.float32] = (added if op.bias is None else op.bias + added).astype(np.float32)
    return bias
