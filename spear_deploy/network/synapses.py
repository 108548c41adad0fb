"""The synapses of a projection: its chain of linear operations composed.

Pooling, flattening and scaling are no synapses of their own: they are composed into one convolution where
that is exact, and into one dense matrix otherwise.  All arithmetic is float64.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spear_deploy.errors import Finding, UnsupportedError
from spear_deploy.network.convolutions import as_one_conv, correlate, pool_as_conv
from spear_deploy.network.ops import (
    AvgPool2d,
    Conv2d,
    Flatten,
    Linear,
    LinearOp,
    Pair,
    Scale,
    Shape,
    SumPool2d,
    chain_shapes,
)

Array: TypeAlias = NDArray[np.float64]

MAX_DENSE_ELEMENTS = 1 << 26
"""A dense matrix beyond this (half a gigabyte of float64) is refused (E037)."""


@dataclass(frozen=True, eq=False)
class ConvSynapses:
    """Synapses of a convolution between maps: weight (Cout, Cin/groups, kH, kW), PyTorch's convention."""

    name: str
    source: str
    target: str
    weight: NDArray[Any]
    stride: Pair = (1, 1)
    padding: Pair = (0, 0)
    dilation: Pair = (1, 1)
    groups: int = 1


@dataclass(frozen=True, eq=False)
class DenseSynapses:
    """Synapses as a matrix: weight (target neurons, source neurons), both row-major over (C, H, W)."""

    name: str
    source: str
    target: str
    weight: NDArray[Any]


Synapses: TypeAlias = ConvSynapses | DenseSynapses


def compose(
    projections: Iterable[tuple[str, str, str, tuple[LinearOp, ...]]], shapes: Mapping[str, Shape]
) -> tuple[Synapses, ...]:
    """Return the synapses of projections (name, source, target, operations) between populations of ``shapes``.

    Raises :class:`UnsupportedError` (E037) listing every projection whose matrix would be too large.
    """
    findings: list[Finding] = []
    synapses: list[Synapses] = []
    for name, source, target, ops in projections:
        try:
            synapses.append(_compose(name, source, target, ops, shapes[source]))
        except UnsupportedError as error:
            findings += error.findings
    if findings:
        raise UnsupportedError(findings)
    return tuple(synapses)


def constant_output(ops: Sequence[LinearOp], shape: Shape) -> Array | None:
    """Return what the biases of a chain add to its target in every step; None for a chain without biases."""
    if all(getattr(op, "bias", None) is None for op in ops):
        return None
    value = np.zeros((1, *shape))
    for op in ops:
        value = apply(op, value, with_bias=True)
    constant: Array = value[0]
    return constant


def apply(op: LinearOp, x: Array, *, with_bias: bool) -> Array:
    """Apply one operation to a batch (B, *shape) in float64."""
    match op:
        case Linear():
            y = x @ op.weight.astype(np.float64).T
            return y + op.bias if with_bias and op.bias is not None else y
        case Conv2d():
            y = correlate(x, op)
            return y + op.bias[:, None, None] if with_bias and op.bias is not None else y
        case SumPool2d() | AvgPool2d():
            return correlate(x, pool_as_conv(op, x.shape[1]))
        case Flatten():
            return x.reshape(len(x), -1)
        case Scale():
            return x * op.factor


def _compose(name: str, source: str, target: str, ops: tuple[LinearOp, ...], shape: Shape) -> Synapses:
    conv = as_one_conv(ops, shape)
    if conv is not None:
        weight = conv.weight.astype(np.float64)
        return ConvSynapses(name, source, target, weight, conv.stride, conv.padding, conv.dilation, conv.groups)
    columns, rows = prod(shape), prod(chain_shapes(ops, shape)[-1])
    if columns * rows > MAX_DENSE_ELEMENTS:
        fix = "prune first, or replace the pooling in front by a strided convolution"
        message = f"needs a dense matrix of {rows} x {columns}"
        raise UnsupportedError.of("E037", f"projection {name!r}", message, fix)
    return DenseSynapses(name, source, target, _matrix(ops, shape))


def _matrix(ops: Sequence[LinearOp], shape: Shape, block: int = 512) -> Array:
    """Return the matrix of a chain by pushing the unit vectors through it, ``block`` at a time."""
    size = prod(shape)
    columns = []
    for start in range(0, size, block):
        count = min(block, size - start)
        x = np.zeros((count, size))
        x[np.arange(count), start + np.arange(count)] = 1.0
        y = x.reshape(count, *shape)
        for op in ops:
            y = apply(op, y, with_bias=False)
        columns.append(y.reshape(count, -1))
    return np.concatenate(columns).T.copy()
