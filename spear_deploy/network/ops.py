"""The linear operations of a projection.

Weights of a network are float32; composed ones (:mod:`spear_deploy.network.synapses`) float64.
Shapes are without batch and time: (C, H, W) for maps, (N,) for vectors.  Conventions are PyTorch's:
convolutions are cross-correlations, pairs are (y, x).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Shape: TypeAlias = tuple[int, ...]
Pair: TypeAlias = tuple[int, int]
FloatArray: TypeAlias = NDArray[np.floating[Any]]


class ShapeError(ValueError):
    """An operation cannot be applied to an input of this shape."""


def window_count(size: int, kernel: int, stride: int, padding: int, dilation: int = 1) -> int:
    """Return how many windows fit along one axis (PyTorch's floor rule)."""
    count = (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1
    if count < 1:
        raise ShapeError(f"a window of {kernel} (dilation {dilation}) does not fit into {size} + 2*{padding}")
    return count


def _windows(shape: Shape, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair = (1, 1)) -> Pair:
    if len(shape) != 3:
        raise ShapeError(f"needs a (C, H, W) input, got {shape}")
    if wrong := [pair for pair in (kernel, stride, padding, dilation) if np.shape(pair) != (2,)]:
        raise ShapeError(f"kernel, stride, padding and dilation are pairs (y, x), not {wrong[0]!r}")
    height = window_count(shape[1], kernel[0], stride[0], padding[0], dilation[0])
    width = window_count(shape[2], kernel[1], stride[1], padding[1], dilation[1])
    return height, width


def _refuse_misshapen(weight: FloatArray, axes: int, bias: FloatArray | None) -> None:
    if weight.ndim != axes:
        raise ShapeError(f"its weight has shape {weight.shape} instead of {axes} axes")
    if bias is not None and bias.shape != weight.shape[:1]:
        raise ShapeError(f"its bias has shape {bias.shape}, its weight {len(weight)} outputs")


@dataclass(frozen=True, eq=False)
class Conv2d:
    """Cross-correlation: weight (Cout, Cin/groups, kH, kW), bias (Cout,) or None."""

    weight: FloatArray
    bias: FloatArray | None = None
    stride: Pair = (1, 1)
    padding: Pair = (0, 0)
    dilation: Pair = (1, 1)
    groups: int = 1

    def output_shape(self, shape: Shape) -> Shape:
        """Return the output's (C, H, W); raise :class:`ShapeError` if ``shape`` does not fit."""
        _refuse_misshapen(self.weight, 4, self.bias)
        out_channels, group_channels, kernel_h, kernel_w = self.weight.shape
        if len(shape) != 3 or shape[0] != group_channels * self.groups:
            raise ShapeError(f"Conv2d needs {group_channels * self.groups} channels, got shape {shape}")
        return (out_channels, *_windows(shape, (kernel_h, kernel_w), self.stride, self.padding, self.dilation))


@dataclass(frozen=True, eq=False)
class Linear:
    """``y = weight @ x + bias``: weight (out, in), bias (out,) or None, on a vector."""

    weight: FloatArray
    bias: FloatArray | None = None

    def output_shape(self, shape: Shape) -> Shape:
        """Return (out,); raise :class:`ShapeError` if ``shape`` is not (in,)."""
        _refuse_misshapen(self.weight, 2, self.bias)
        if shape != (self.weight.shape[1],):
            raise ShapeError(f"Linear needs a vector of {self.weight.shape[1]}, got shape {shape}")
        return (self.weight.shape[0],)


@dataclass(frozen=True)
class _Pool2d:
    kernel: Pair
    stride: Pair
    padding: Pair = (0, 0)

    def output_shape(self, shape: Shape) -> Shape:
        """Return the pooled (C, H, W)."""
        return (shape[0], *_windows(shape, self.kernel, self.stride, self.padding))


class SumPool2d(_Pool2d):
    """Sum over windows; zero padding."""


class AvgPool2d(_Pool2d):
    """Mean over windows; zero padding is included in the mean, as in NIR and by PyTorch's default."""


@dataclass(frozen=True)
class Flatten:
    """Row-major flattening of the whole shape into a vector."""

    def output_shape(self, shape: Shape) -> Shape:
        """Return (product of the shape,)."""
        return (prod(shape),)


@dataclass(frozen=True, eq=False)
class Scale:
    """Elementwise factor, of the full shape of its input."""

    factor: FloatArray

    def output_shape(self, shape: Shape) -> Shape:
        """Return ``shape``; raise :class:`ShapeError` if the factor has another one."""
        if self.factor.shape != shape:
            raise ShapeError(f"Scale of shape {self.factor.shape} does not fit {shape}")
        return shape


LinearOp: TypeAlias = Conv2d | Linear | SumPool2d | AvgPool2d | Flatten | Scale


def chain_shapes(ops: tuple[LinearOp, ...], shape: Shape) -> list[Shape]:
    """Return the shapes along a chain: the input's, then each operation's output."""
    shapes = [shape]
    for op in ops:
        shapes.append(op.output_shape(shapes[-1]))
    return shapes
