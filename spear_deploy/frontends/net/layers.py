"""Reading single layers of a lava-dl ``.net`` file as operations and neurons of a network.

A layer is refused if netx does not run it, or would change its numbers on loading.
Source: netx/hdf5.py and netx/blocks/process.py of lava-dl 0.6.0.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import prod
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spear_deploy.frontends.net.fields import LAYER_FIELDS, field_problems
from spear_deploy.frontends.net.file import NetLayer
from spear_deploy.frontends.net.limits import MAX_DELAY, loading_problem, range_problem
from spear_deploy.frontends.net.values import (
    BadLayerError,
    Integers,
    Values,
    convolution_of,
    integers_of,
    per_neuron,
    shape_of,
    single,
)
from spear_deploy.network import Conv2d, Neuron, identity_readout
from spear_deploy.network.ops import Shape

UNIT = 64.0
"""The integer that lava-dl stores for 1."""
SUPPORTED = tuple(LAYER_FIELDS)
_CUBA = ("CUBA", "LOIHI")
_NOT_IN_NETX = ("pool", "convT", "unpool", "average", "concat", "dense_comp")
_FIXES = {
    "pool": "train with strided convolutions instead",
    "average": "leave the layer out, and average the counts of its inputs",
}
_FULL_DECAY = 1 << 12
"""The integer that lava-dl stores for a decay of 1."""
_MAX_DELAYED_WEIGHTS = 1 << 27


@dataclass(frozen=True, eq=False)
class InputLayer:
    """An input layer; ``neuron`` is None if events are fed into the first synapses."""

    where: str
    shape: Shape
    neuron: Neuron | None
    weight: float


@dataclass(frozen=True, eq=False)
class FlattenLayer:
    """A layer that flattens the map before it."""

    where: str


@dataclass(frozen=True, eq=False)
class ConvolutionLayer:
    """A convolution and its neurons, of the ``shape`` that the file declares."""

    where: str
    name: str
    shape: Shape
    op: Conv2d
    neuron: Neuron


@dataclass(frozen=True, eq=False)
class DenseLayer:
    """Matrices in units of the network; ``delay`` has the shape of ``weight``."""

    where: str
    name: str
    weight: NDArray[np.float32]
    delay: Integers
    recurrent: NDArray[np.float32] | None
    neuron: Neuron
    has_neurons: bool


Layer: TypeAlias = InputLayer | FlattenLayer | ConvolutionLayer | DenseLayer
"""A layer as read; ``where`` names it in findings, ``name`` in the network."""


def refusals(layer: NetLayer) -> Iterator[tuple[str, str, str]]:
    """Yield a code (E021, E026), a message and a fix for everything in a layer that has no counterpart here."""
    values, cuba = layer.values, "train with CUBA neurons"
    if layer.type in _NOT_IN_NETX:
        yield "E021", "netx cannot load such a layer", _FIXES.get(layer.type, "train without it")
        return
    if layer.type not in SUPPORTED:
        message = f"netx leaves such a layer out without a word; it runs {', '.join(SUPPORTED)}"
        yield "E021", message, "train without it"
        return
    kind = values.get("neuron/type", "CUBA")
    complex_weights = "weight/real" in values or "weight/imag" in values
    if not isinstance(kind, str) or kind not in _CUBA:
        yield "E021", f"its neurons are of type {kind}, only CUBA is supported", cuba
    elif not np.all(values.get("neuron/iDecay", 1)):
        yield "E021", "its current never decays (iDecay 0), which the register of a chip does not hold", cuba
    elif layer.type == "input" and not np.all(values.get("neuron/iDecay", _FULL_DECAY) == _FULL_DECAY):
        message = "its input neurons have a synaptic current, which netx leaves out: it drives them through their bias"
        yield "E021", message, "train with current_decay=1 in the input block"
    if complex_weights:
        yield "E021", "its weights are complex", cuba
    if np.any(values.get("delay", 0)) and layer.type == "conv":
        yield "E021", "netx ignores the delays of a convolution", "train with delays of dense layers only"
    if "delay" in values and layer.type == "dense_rec":
        yield "E021", "netx loses the weight exponent of a recurrent layer with delays", "train without one of them"
    if isinstance(kind, str) and kind in _CUBA and not complex_weights:  # fields of others are others'
        yield from field_problems(layer.type, values)


def parse(where: str, name: str, layer: NetLayer) -> Layer:
    """Read a layer of a supported type.

    Raises :class:`BadLayerError`; :class:`TypeError` or :class:`ValueError` for fields that do not fit together.
    """
    values = layer.values
    match layer.type:
        case "flatten":
            return FlattenLayer(where)
        case "input":
            shape = shape_of(values)
            if "neuron/type" not in values:
                return InputLayer(where, shape, None, 1.0)
            scale = single(values, "weight", UNIT) / UNIT
            bias = np.full(shape, single(values, "bias", 0) / UNIT, np.float32)
            return InputLayer(where, shape, replace(_neuron(values, shape), bias=bias), scale)
        case "conv":
            shape = shape_of(values)
            weight, geometry = convolution_of(values)
            op = Conv2d(_in_units(weight), None, *geometry)
            return ConvolutionLayer(where, name, shape, op, _neuron(values, shape))
        case _:
            return _dense(where, name, values, is_recurrent=layer.type == "dense_rec")


def _dense(where: str, name: str, values: Values, *, is_recurrent: bool) -> DenseLayer:
    size = prod(shape_of(values))
    blocks = [integers_of(values, key) for key in ("weight", *(("weight_rec",) if is_recurrent else ()))]
    blocks = [block.reshape(size, -1) if block.ndim == 1 else block for block in blocks]
    weight, recurrent = blocks[0], blocks[1] if is_recurrent else None
    if any(block.ndim != 2 or len(block) != size for block in blocks):
        raise BadLayerError(f"weight has shape {weight.shape} for {size} neurons")
    if recurrent is not None and recurrent.shape != (size, size):
        raise BadLayerError(f"weight_rec has shape {recurrent.shape} for {size} neurons")
    problem = range_problem(*blocks) or loading_problem(*blocks)
    if problem:
        raise BadLayerError(problem)
    delay = _delay(values, weight)
    if len(delays_of(weight, delay)) * weight.size > _MAX_DELAYED_WEIGHTS:
        raise BadLayerError(f"it has too many different delays for a matrix of {weight.shape}")
    has_neurons = "neuron/type" in values
    neuron = _neuron(values, (size,)) if has_neurons else _integrator((size,))
    if not has_neurons and "bias" in values:
        raise BadLayerError("it has a bias but no neurons: netx adds it to the sum once, not in each step")
    single = None if recurrent is None else _in_units(recurrent)
    return DenseLayer(where, name, _in_units(weight), delay, single, neuron, has_neurons)


def _neuron(values: Values, shape: Shape) -> Neuron:
    current, membrane = (per_neuron(values, key, shape) for key in ("neuron/iDecay", "neuron/vDecay"))
    for key, decay in (("iDecay", current), ("vDecay", membrane)):
        if decay.min() < 0 or decay.max() > _FULL_DECAY:
            raise BadLayerError(f"{key} {decay.min()} to {decay.max()} is outside 0 to {_FULL_DECAY}")
    threshold = per_neuron(values, "neuron/vThMant", shape)
    if threshold.min() < 1:
        raise BadLayerError(f"vThMant is {threshold.min()}, not positive")
    bias = per_neuron(values, "bias", shape) if "bias" in values else np.zeros(shape, np.int64)
    if np.abs(bias).max() > np.iinfo(np.int16).max:
        raise BadLayerError(f"a bias of {bias.flat[np.abs(bias).argmax()]} does not fit 16 bits: netx would wrap it")
    return replace(
        _integrator(shape),
        alpha=1 - (current / _FULL_DECAY).astype(np.float32),
        beta=1 - (membrane / _FULL_DECAY).astype(np.float32),
        bias=_in_units(bias),
        threshold=_in_units(threshold),
    )


def _integrator(shape: Shape) -> Neuron:
    """Return netx's reading of a layer without neurons: it sums its input and never fires."""
    return replace(identity_readout(shape), beta=np.ones(shape, np.float32))


def _delay(values: Values, weight: Integers) -> Integers:
    """Return the delay of each weight; the file has one for all, per output, per input, or per pair."""
    if "delay" not in values:
        return np.zeros(weight.shape, np.int64)
    delay = integers_of(values, "delay")
    if delay.min() < 0 or delay.max() > MAX_DELAY:
        raise BadLayerError(f"delays {delay.min()} to {delay.max()} are outside 0 to {MAX_DELAY}: netx clamps them")
    if delay.shape == weight.shape[:1]:
        delay = delay[:, None]
    return np.broadcast_to(delay, weight.shape)


def delays_of(weight: NDArray[Any], delay: Integers) -> list[int]:
    """Return the distinct delays of synapses."""
    return [int(steps) for steps in np.unique(delay[weight != 0])]


def _in_units(integers: Integers) -> NDArray[np.float32]:
    return (integers / UNIT).astype(np.float32)
