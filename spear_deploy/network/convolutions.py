"""Chains of linear operations as one convolution, where that is exact: the algebra behind :mod:`.synapses`.

All arithmetic is float64.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
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


def as_one_conv(ops: Sequence[LinearOp], shape: Shape) -> Conv2d | None:
    """Return the chain as one convolution, or None where that would not be exact."""
    if len(shape) != 3:
        return None
    if len(ops) == 1 and isinstance(ops[0], Conv2d):
        return ops[0]  # as it is: the zeros between the taps of a dilated kernel are no synapses
    shapes = chain_shapes(tuple(ops), shape)
    result: Conv2d | None = Conv2d(np.ones((shape[0], 1, 1, 1)), groups=shape[0])
    for op, current in zip(ops, shapes, strict=False):
        following = _op_as_conv(op, current)
        if result is None or following is None:
            return None
        result = _join(result, following, shape)
    if result is None:
        return None
    kernel = result.weight.shape[2:]
    reached = tuple(window_count(shape[i + 1], kernel[i], result.stride[i], result.padding[i]) for i in (0, 1))
    return result if reached == shapes[-1][1:] else None


def _op_as_conv(op: LinearOp, shape: Shape) -> Conv2d | None:
    match op:
        case Conv2d():
            return replace(op, weight=_write_out_dilation(op), bias=None, dilation=(1, 1))
        case SumPool2d() | AvgPool2d():
            return pool_as_conv(op, shape[0])
        case Scale() if len(shape) == 3 and np.all(op.factor == op.factor[:, :1, :1]):
            return Conv2d(op.factor[:, :1, :1, None].astype(np.float64), groups=shape[0])
        case _:
            return None


def pool_as_conv(op: SumPool2d | AvgPool2d, channels: int) -> Conv2d:
    """Return pooling as a depthwise convolution."""
    value = 1.0 if isinstance(op, SumPool2d) else 1.0 / prod(op.kernel)
    return Conv2d(np.full((channels, 1, *op.kernel), value), None, op.stride, op.padding, groups=channels)


def _write_out_dilation(op: Conv2d) -> Array:
    """Return the kernel with its dilation written out as zeros."""
    out_channels, in_channels, height, width = op.weight.shape
    (dy, dx) = op.dilation
    kernel = np.zeros((out_channels, in_channels, dy * (height - 1) + 1, dx * (width - 1) + 1))
    kernel[:, :, ::dy, ::dx] = op.weight
    return kernel


def _join(first: Conv2d, second: Conv2d, shape: Shape) -> Conv2d | None:
    """Return the convolution ``second after first`` on an input of ``shape``, or None if it is not one.

    A zero that ``second`` pads with must stand for input cells that lie outside the input only.
    """
    kernel, stride = first.weight.shape[2:], first.stride
    for axis in (0, 1):
        size, reach = shape[axis + 1], window_count(shape[axis + 1], kernel[axis], stride[axis], first.padding[axis])
        if second.padding[axis] and (
            kernel[axis] > stride[axis] + first.padding[axis] or reach * stride[axis] - first.padding[axis] < size
        ):
            return None
    a, b = first.weight.astype(np.float64), second.weight.astype(np.float64)
    channels = a.shape[0]
    if first.groups == channels and a.shape[1] == 1 and first.groups == shape[0]:
        per_group = b.shape[1]
        group_of = np.arange(b.shape[0]) // (b.shape[0] // second.groups)
        middle = group_of[:, None] * per_group + np.arange(per_group)
        left, right, groups = a[middle, 0], b, second.groups
    elif second.groups == channels and b.shape[0] == channels:
        left, right, groups = a, np.broadcast_to(b, (channels, a.shape[1], *b.shape[2:])), first.groups
    elif first.groups == second.groups == 1:
        pairs = [_convolve_kernels(a[m][None], b[:, m][:, None], stride) for m in range(channels)]
        return _compose_pair(np.sum(pairs, axis=0), first, second, 1)
    else:
        return None
    return _compose_pair(_convolve_kernels(left, right, stride), first, second, groups)


def _convolve_kernels(left: Array, right: Array, stride: Pair) -> Array:
    """Convolve kernels (.., kH, kW): each tap of ``right`` places ``left`` at a multiple of the stride."""
    (lh, lw), (rh, rw) = left.shape[-2:], right.shape[-2:]
    lead = np.broadcast_shapes(left.shape[:-2], right.shape[:-2])
    out = np.zeros((*lead, lh + (rh - 1) * stride[0], lw + (rw - 1) * stride[1]))
    for y in range(rh):
        for x in range(rw):
            top, start = y * stride[0], x * stride[1]
            out[..., top : top + lh, start : start + lw] += left * right[..., y : y + 1, x : x + 1]
    return out


def _compose_pair(weight: Array, first: Conv2d, second: Conv2d, groups: int) -> Conv2d:
    stride = (first.stride[0] * second.stride[0], first.stride[1] * second.stride[1])
    padding = (
        first.padding[0] + second.padding[0] * first.stride[0],
        first.padding[1] + second.padding[1] * first.stride[1],
    )
    return Conv2d(weight, None, stride, padding, (1, 1), groups)


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
