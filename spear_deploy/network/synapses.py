"""The synapses of a projection: its chain of linear operations composed.

Pooling, flattening and scaling are not synapses of their own: they are composed into one convolution where
that is exact, and into one dense matrix otherwise.  All arithmetic is float64, and what needs none is not copied.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spear_deploy.errors import Finding, UnsupportedError
from spear_deploy.network.convolutions import (
    ConvShape,
    as_one_conv,
    correlate,
    correlate_back,
    pool_as_conv,
    pooled_first,
    shape_of_one_conv,
)
from spear_deploy.network.ops import (
    AvgPool2d,
    Conv2d,
    Flatten,
    FloatArray,
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
"""A dense matrix that is composed may not go beyond this (half a gigabyte of float64): it is refused (E037)."""


@dataclass(frozen=True, eq=False)
class ConvSynapses:
    """Synapses of a convolution between maps: weight (Cout, Cin/groups, kH, kW), PyTorch's convention.

    ``shared`` are the extents of windows of source cells, side by side from the corner of the padded map, that have the
    same synapses, or none: those of a pooling in front.  It says nothing that the weights do not.
    """

    name: str
    source: str
    target: str
    weight: NDArray[Any]
    stride: Pair = (1, 1)
    padding: Pair = (0, 0)
    dilation: Pair = (1, 1)
    groups: int = 1
    shared: Pair = (1, 1)


@dataclass(frozen=True, eq=False)
class DenseSynapses:
    """Synapses as a matrix: weight (target neurons, source neurons), both row-major over (C, H, W).

    ``windows`` is how many windows a pooling in front makes of the source neurons: those of one have the same synapses.
    None: there is no such pooling.
    """

    name: str
    source: str
    target: str
    weight: NDArray[Any]
    windows: int | None = None


Synapses: TypeAlias = ConvSynapses | DenseSynapses


def compose(
    projections: Iterable[tuple[str, str, str, tuple[LinearOp, ...]]], shapes: Mapping[str, Shape]
) -> tuple[Synapses, ...]:
    """Return the synapses of projections (name, source, target, operations) between populations of ``shapes``.

    A lone convolution or matrix keeps its own weights; what is composed has float64 ones.

    Raises :class:`UnsupportedError` (E037) listing every projection whose matrix would be too large.
    """
    given = tuple(projections)
    outlines(given, shapes)  # refuses before anything is composed
    return tuple(_compose(name, source, target, ops, shapes[source]) for name, source, target, ops in given)


def outlines(
    projections: Iterable[tuple[str, str, str, tuple[LinearOp, ...]]], shapes: Mapping[str, Shape]
) -> tuple[Synapses, ...]:
    """Return what :func:`compose` does without its values: every weight is the same 0, which takes no memory.

    Raises :class:`UnsupportedError` (E037) as it does.
    """
    findings: list[Finding] = []
    synapses: list[Synapses] = []
    for name, source, target, ops in projections:
        shape = shapes[source]
        conv = shape_of_one_conv(ops, shape)
        if conv is not None:
            synapses.append(ConvSynapses(name, source, target, _nothing(conv.weight), *_geometry(conv, ops)))
            continue
        columns, rows = prod(shape), prod(chain_shapes(ops, shape)[-1])
        if columns * rows > MAX_DENSE_ELEMENTS and _own_matrix(ops) is None:
            fix = "prune first, or replace the pooling in front by a strided convolution"
            findings.append(Finding("E037", f"projection {name!r}", f"needs a dense matrix of {rows} x {columns}", fix))
        synapses.append(DenseSynapses(name, source, target, _nothing((rows, columns)), _windows(ops, shape)))
    if findings:
        raise UnsupportedError(findings)
    return tuple(synapses)


def _nothing(shape: Shape) -> NDArray[Any]:
    return np.broadcast_to(np.float32(0), shape)


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
        return ConvSynapses(name, source, target, conv.weight, *_geometry(conv, ops))
    own = _own_matrix(ops)
    return DenseSynapses(name, source, target, _matrix(ops, shape) if own is None else own, _windows(ops, shape))


def _geometry(conv: Conv2d | ConvShape, ops: Sequence[LinearOp]) -> tuple[Pair, Pair, Pair, int, Pair]:
    """Return the geometry of :class:`ConvSynapses`, without weights, for a chain that is a convolution."""
    steps = [op.stride for op in ops[: pooled_first(ops)] if isinstance(op, AvgPool2d | SumPool2d)]
    shared = (prod(step[0] for step in steps), prod(step[1] for step in steps))
    return conv.stride, conv.padding, conv.dilation, conv.groups, shared


def _windows(ops: Sequence[LinearOp], shape: Shape) -> int | None:
    """Return the geometry of :class:`DenseSynapses`, without weights, for any other chain."""
    pooled = pooled_first(ops)
    return prod(chain_shapes(tuple(ops[:pooled]), shape)[-1]) if pooled else None


def _own_matrix(ops: Sequence[LinearOp]) -> FloatArray | None:
    """Return the weights of a chain that is a single matrix, with or without flattening before it."""
    mixing = [op for op in ops if not isinstance(op, Flatten)]
    return mixing[0].weight if len(mixing) == 1 and isinstance(mixing[0], Linear) else None


def _matrix(ops: Sequence[LinearOp], shape: Shape, block: int = 512) -> Array:
    """Return the matrix of a chain: its last one, taken back through what is in front, ``block`` rows at a time.

    What is behind the last matrix scales its rows.  A chain without one starts from the identity.
    """
    last = max((index for index, op in enumerate(ops) if isinstance(op, Linear)), default=None)
    shapes = chain_shapes(tuple(ops), shape)
    front = list(zip(ops, shapes, strict=False))[: len(ops) if last is None else last]
    rows = prod(shapes[-1])
    matrix = np.empty((rows, prod(shape)))
    for start in range(0, rows, block):
        some = slice(start, min(start + block, rows))
        y = np.eye(some.stop - start, rows, start) if last is None else _rows_of(ops[last:], some)
        for op, before in reversed(front):
            y = _apply_back(op, y, before)
        matrix[some] = y.reshape(len(y), -1)
    return matrix


def _rows_of(ops: Sequence[LinearOp], some: slice) -> Array:
    """Return rows of a matrix, which is ``ops[0]``, and of what scales its outputs."""
    (matrix, *behind) = ops
    assert isinstance(matrix, Linear)
    y = matrix.weight[some].astype(np.float64)
    for op in behind:
        if isinstance(op, Scale):
            y *= op.factor[some, None]
    return y


def _apply_back(op: LinearOp, y: Array, shape: Shape) -> Array:
    """Apply the transpose of an operation on inputs of ``shape`` to a batch of its outputs, in any shape of them."""
    outputs = y.reshape(len(y), *op.output_shape(shape))
    match op:
        case Linear():
            return outputs @ op.weight.astype(np.float64)
        case Conv2d():
            return correlate_back(outputs, op, shape)
        case SumPool2d() | AvgPool2d():
            return correlate_back(outputs, pool_as_conv(op, shape[0]), shape)
        case Flatten():
            return outputs
        case Scale():
            return outputs * op.factor
