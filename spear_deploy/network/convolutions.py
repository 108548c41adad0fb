"""Composing chains of linear operations into one convolution, where that is exact: the algebra of :mod:`.synapses`.

All arithmetic is float64.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from spear_deploy.network.ops import (
    AvgPool2d,
    Conv2d,
    LinearOp,
    Pair,
    Scale,
    Shape,
    SumPool2d,
    chain_shapes,
    window_count,
)

Array: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class ConvShape:
    """The shape of a convolution: ``weight`` is the shape (Cout, Cin/groups, kH, kW) of its weights."""

    weight: Shape
    stride: Pair = (1, 1)
    padding: Pair = (0, 0)
    dilation: Pair = (1, 1)
    groups: int = 1

    @classmethod
    def of(cls, conv: Conv2d) -> ConvShape:
        """Return the shape of a convolution."""
        return cls(conv.weight.shape, conv.stride, conv.padding, conv.dilation, conv.groups)


def shape_of_one_conv(ops: Sequence[LinearOp], shape: Shape) -> ConvShape | None:
    """Return the shape of the convolution equal to a chain on an input of ``shape``, or None if there is none."""
    if len(shape) != 3:
        return None
    if len(ops) == 1 and isinstance(ops[0], Conv2d):
        return ConvShape.of(ops[0])  # as it is: the zeros between the taps of a dilated kernel are not synapses
    shapes = chain_shapes(tuple(ops), shape)
    result: ConvShape | None = ConvShape((shape[0], 1, 1, 1), groups=shape[0])
    for op, current in zip(ops, shapes, strict=False):
        following = _op_shape(op, current)
        if result is None or following is None:
            return None
        result = _join(result, following, shape)
    if result is None:
        return None
    kernel = result.weight[2:]
    reached = tuple(window_count(shape[i + 1], kernel[i], result.stride[i], result.padding[i]) for i in (0, 1))
    return result if reached == shapes[-1][1:] else None


def as_one_conv(ops: Sequence[LinearOp], shape: Shape) -> Conv2d | None:
    """Return the chain as one convolution, or None where that would not be exact.

    A single convolution keeps its weights, without a copy.
    """
    if shape_of_one_conv(ops, shape) is None:
        return None
    if len(ops) == 1 and isinstance(ops[0], Conv2d):
        return ops[0]
    joined, weight = ConvShape((shape[0], 1, 1, 1), groups=shape[0]), np.ones((shape[0], 1, 1, 1))
    for op, current in zip(ops, chain_shapes(tuple(ops), shape), strict=False):
        following, first = _op_shape(op, current), joined
        assert following is not None
        after = _join(first, following, shape)
        assert after is not None
        joined, weight = after, _joined_weight(first, weight, following, _op_weight(op, current), shape)
    return Conv2d(weight, None, joined.stride, joined.padding, joined.dilation, joined.groups)


def _op_shape(op: LinearOp, shape: Shape) -> ConvShape | None:
    match op:
        case Conv2d():
            outputs, inputs, *kernel = op.weight.shape
            written_out = [step * (extent - 1) + 1 for step, extent in zip(op.dilation, kernel, strict=True)]
            return ConvShape((outputs, inputs, *written_out), op.stride, op.padding, groups=op.groups)
        case SumPool2d() | AvgPool2d():
            return ConvShape((shape[0], 1, *op.kernel), op.stride, op.padding, groups=shape[0])
        case Scale() if _is_of_channels(op):
            return ConvShape((shape[0], 1, 1, 1), groups=shape[0])
        case _:
            return None


def _op_weight(op: LinearOp, shape: Shape) -> Array:
    """Return the weights of a convolution, with dilation expanded to zeros."""
    match op:
        case Conv2d():
            return _write_out_dilation(op)
        case SumPool2d() | AvgPool2d():
            return pool_as_conv(op, shape[0]).weight.astype(np.float64)
        case Scale():
            return op.factor[:, :1, :1, None].astype(np.float64)
        case _:
            raise AssertionError(f"{type(op).__name__} is not a convolution")


def pool_as_conv(op: SumPool2d | AvgPool2d, channels: int) -> Conv2d:
    """Return pooling as a depthwise convolution."""
    value = 1.0 if isinstance(op, SumPool2d) else 1.0 / prod(op.kernel)
    return Conv2d(np.full((channels, 1, *op.kernel), value), None, op.stride, op.padding, groups=channels)


def pooled_first(ops: Sequence[LinearOp]) -> int:
    """Return how many operations at the start of a chain only sum windows that do not overlap.

    A source cell then has the synapses of its window; a factor per channel in between makes no difference.
    """
    pooled = 0
    for number, op in enumerate(ops, 1):
        if is_disjoint(op):
            pooled = number
        elif not isinstance(op, Scale) or not _is_of_channels(op):
            break
    return pooled


def is_disjoint(op: LinearOp) -> bool:
    """Whether an operation is a pooling with windows that do not overlap."""
    return isinstance(op, AvgPool2d | SumPool2d) and op.kernel[0] <= op.stride[0] and op.kernel[1] <= op.stride[1]


def _is_of_channels(op: Scale) -> bool:
    return op.factor.ndim == 3 and bool(np.all(op.factor == op.factor[:, :1, :1]))


def _write_out_dilation(op: Conv2d) -> Array:
    """Return the kernel with its dilation expanded to zeros."""
    out_channels, in_channels, height, width = op.weight.shape
    (dy, dx) = op.dilation
    kernel = np.zeros((out_channels, in_channels, dy * (height - 1) + 1, dx * (width - 1) + 1))
    kernel[:, :, ::dy, ::dx] = op.weight
    return kernel


def _join(first: ConvShape, second: ConvShape, shape: Shape) -> ConvShape | None:
    """Return the convolution ``second after first`` on an input of ``shape``, or None if it is not one.

    The zeros with which ``second`` pads must correspond to cells outside the input only.
    """
    kernel, stride = first.weight[2:], first.stride
    for axis in (0, 1):
        size, reach = shape[axis + 1], window_count(shape[axis + 1], kernel[axis], stride[axis], first.padding[axis])
        if second.padding[axis] and (
            kernel[axis] > stride[axis] + first.padding[axis] or reach * stride[axis] - first.padding[axis] < size
        ):
            return None
    if _is_channelwise(first, shape):
        groups, inputs = second.groups, second.weight[1]
    elif _is_depthwise(second, first) or first.groups == second.groups == 1:
        groups, inputs = first.groups, first.weight[1]
    else:
        return None
    extents = [kernel[i] + (second.weight[2 + i] - 1) * stride[i] for i in (0, 1)]
    padding = (
        first.padding[0] + second.padding[0] * stride[0],
        first.padding[1] + second.padding[1] * stride[1],
    )
    strides = (stride[0] * second.stride[0], stride[1] * second.stride[1])
    return ConvShape((second.weight[0], inputs, *extents), strides, padding, groups=groups)


def _is_channelwise(first: ConvShape, shape: Shape) -> bool:
    """Whether the first of two convolutions is depthwise with one output channel per input channel."""
    return first.groups == first.weight[0] == shape[0] and first.weight[1] == 1


def _is_depthwise(second: ConvShape, first: ConvShape) -> bool:
    """Whether the second of two convolutions keeps the first one's channels apart, one to one."""
    return second.groups == second.weight[0] == first.weight[0]


def _joined_weight(first: ConvShape, a: Array, second: ConvShape, b: Array, shape: Shape) -> Array:
    """Return the weights of two convolutions that :func:`_join`, whose own are ``a`` and ``b``."""
    if _is_channelwise(first, shape):
        per_group = b.shape[1]
        group_of = np.arange(b.shape[0]) // (b.shape[0] // second.groups)
        middle = group_of[:, None] * per_group + np.arange(per_group)
        return _convolve_kernels(a[middle, 0], b, np.multiply, first.stride)
    if _is_depthwise(second, first):
        return _convolve_kernels(a, b, np.multiply, first.stride)
    return _convolve_kernels(a, b, _sum_over_channels, first.stride)


def _sum_over_channels(a: Array, tap: Array) -> Array:
    """Return (O, I, kH, kW): kernels (M, I, kH, kW) into middle channels, times what these are worth, (O, M, 1, 1)."""
    return np.tensordot(tap[:, :, 0, 0], a, axes=1)


def _convolve_kernels(left: Array, right: Array, multiply: Callable[[Array, Array], Array], stride: Pair) -> Array:
    """Convolve kernels (.., kH, kW): each tap of ``right`` places ``left``, multiplied, at a multiple of the stride."""
    (lh, lw), (rh, rw) = left.shape[-2:], right.shape[-2:]
    out: Array | None = None
    for y, x in np.ndindex(rh, rw):
        placed = multiply(left, right[..., y : y + 1, x : x + 1])
        if out is None:
            out = np.zeros((*placed.shape[:-2], lh + (rh - 1) * stride[0], lw + (rw - 1) * stride[1]))
        top, start = y * stride[0], x * stride[1]
        out[..., top : top + lh, start : start + lw] += placed
    assert out is not None
    return out


def correlate(x: Array, op: Conv2d) -> Array:
    """Cross-correlate a batch (B, C, H, W) tap by tap."""
    (kh, kw), (sy, sx), (dy, dx) = op.weight.shape[2:], op.stride, op.dilation
    _, height, width = op.output_shape(x.shape[1:])
    padded = np.pad(x, ((0, 0), (0, 0), (op.padding[0],) * 2, (op.padding[1],) * 2))
    out_channels, per_group = op.weight.shape[:2]
    weight = op.weight.reshape(op.groups, out_channels // op.groups, per_group, kh, kw)
    y = np.zeros((len(x), op.groups, out_channels // op.groups, height, width))
    for i in range(kh):
        for j in range(kw):
            window = padded[
                :, :, i * dy : i * dy + sy * (height - 1) + 1 : sy, j * dx : j * dx + sx * (width - 1) + 1 : sx
            ]
            grouped = window.reshape(len(x), op.groups, per_group, height, width)
            y += np.einsum("goc,bgchw->bgohw", weight[..., i, j], grouped)
    return y.reshape(len(x), out_channels, height, width)


def correlate_back(y: Array, op: Conv2d, shape: Shape) -> Array:
    """Return the transpose of :func:`correlate`: from a batch of its outputs to inputs (B, *shape)."""
    (kh, kw), (sy, sx), (dy, dx) = op.weight.shape[2:], op.stride, op.dilation
    channels, height, width = shape
    (top, left), (_, rows, columns) = op.padding, op.output_shape(shape)
    out_channels, per_group = op.weight.shape[:2]
    weight = op.weight.reshape(op.groups, out_channels // op.groups, per_group, kh, kw)
    grouped = y.reshape(len(y), op.groups, out_channels // op.groups, rows, columns)
    x = np.zeros((len(y), channels, height + 2 * top, width + 2 * left))
    for i in range(kh):
        for j in range(kw):
            sent = np.einsum("goc,bgohw->bgchw", weight[..., i, j], grouped).reshape(len(y), channels, rows, columns)
            x[:, :, i * dy : i * dy + sy * (rows - 1) + 1 : sy, j * dx : j * dx + sx * (columns - 1) + 1 : sx] += sent
    return x[:, :, top : top + height, left : left + width]
