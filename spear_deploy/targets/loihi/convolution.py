"""Convolutions of integers, exact on every device wherever their type holds the sums.

A device's own convolutions may be ones that round where none of the sums does (Winograd's); matrix products are not,
so that there inputs are unfolded.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
import torch.nn.functional as functional
from torch import Tensor

from spear_deploy.execution import fast_gradients
from spear_deploy.network.synapses import ConvSynapses
from spear_deploy.simulate import convolutions

_COLUMN_BYTES = 1 << 28
"""Unfolded inputs that are held at a time."""


class Geometry(NamedTuple):
    """The geometry of a convolution's windows."""

    stride: tuple[int, int]
    padding: tuple[int, int]
    dilation: tuple[int, int]
    groups: int

    @classmethod
    def of(cls, synapses: ConvSynapses) -> Geometry:
        """Return the geometry of a projection's synapses."""
        return cls(synapses.stride, synapses.padding, synapses.dilation, synapses.groups)


def unfolded_conv2d(x: Tensor, weight: Tensor, geometry: Geometry) -> Tensor:
    """Return the convolution of (N, C, H, W) as products of unfolded inputs, some samples at a time."""
    stride, padding, dilation, groups = geometry
    rows = weight.reshape(groups, len(weight) // groups, -1)
    size = tuple(
        (length + 2 * p - d * (kernel - 1) - 1) // s + 1
        for length, kernel, s, p, d in zip(x.shape[2:], weight.shape[2:], stride, padding, dilation, strict=True)
    )
    y = x.new_empty(len(x), len(weight), *size)
    of_sample = x.shape[1] * weight[0, 0].numel() * size[0] * size[1] * x.element_size()
    for part in torch.arange(len(x)).split(max(1, _COLUMN_BYTES // max(1, of_sample))):
        chosen = slice(int(part[0]), int(part[-1]) + 1)
        columns = functional.unfold(x[chosen], weight.shape[2:], dilation, padding, stride)
        y[chosen] = (rows @ columns.unflatten(1, (groups, -1))).reshape(len(part), len(weight), *size)
    return y


def conv2d(x: Tensor, weight: Tensor, geometry: Geometry) -> Tensor:
    """Return the convolution of integers (N, C, H, W) by integers, exact wherever their type holds the sums."""
    if x.device.type == "cpu":
        return convolutions.conv2d(x, weight, None, *geometry)
    sums: Tensor = UnfoldedConv2d.apply(x, weight, geometry)  # type: ignore[no-untyped-call]
    return sums


class UnfoldedConv2d(torch.autograd.Function):
    """A convolution as the matrix product of its unfolded input; the gradients are those of a convolution.

    Gradients need not be exact: they are computed in single precision, by what the device has for that.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, geometry: Geometry) -> Tensor:
        """Multiply, and keep both factors."""
        ctx.save_for_backward(x, weight)
        ctx.geometry = geometry
        return unfolded_conv2d(x, weight, geometry)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        """Return the gradients of the input and of the weight."""
        x, weight = ctx.saved_tensors
        stride, padding, dilation, groups = ctx.geometry
        wanted = (ctx.needs_input_grad[0], ctx.needs_input_grad[1], False)
        with fast_gradients():
            of_x, of_weight, _ = torch.ops.aten.convolution_backward(
                *(each.float() for each in (gradients[0], x, weight)),
                None, stride, padding, dilation, False, (0, 0), groups, wanted,
            )  # fmt: skip
        return _like(of_x, x), _like(of_weight, weight), None


def _like(gradient: Tensor | None, of: Tensor) -> Tensor | None:
    return None if gradient is None else gradient.to(of.dtype)
