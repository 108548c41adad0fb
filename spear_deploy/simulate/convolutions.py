"""Convolutions in training, as fast as possible on a CPU: oneDNN, except for the input gradient of strided ones.

For that gradient oneDNN takes 2.5 us per map of 9x8x8 (stride 2, to 19x4x4), and 8.9 us of 16x17x17.  A product with
the weights, which gives the gradient of each window, and adding up the windows take 0.6 and 6.0 us.  With 64 channels
both ways take equally long.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as functional
from torch import Tensor

from spear_deploy.simulate.fold_kernel import fold
from spear_deploy.simulate.layout import with_channels_last
from spear_deploy.simulate.products import product
from spear_deploy.simulate.vectors import whole_vectors

_WINDOW_BYTES = 1 << 21
"""Bytes of windows held at a time: they stay in a processor's cache."""

Pair = tuple[int, int]


def conv2d(
    x: Tensor, weight: Tensor, bias: Tensor | None, stride: Pair, padding: Pair, dilation: Pair, groups: int
) -> Tensor:
    """Convolve as torch's function of that name, with gradients; on a CPU with channels last in memory."""
    x, weight = with_channels_last(x), with_channels_last(weight)
    is_plain = x.device.type == "cpu" and x.dtype == weight.dtype == torch.float32 and dilation == (1, 1)
    if is_plain and max(stride) > 1 and groups == 1:
        y: Tensor = _Strided.apply(x, weight, bias, stride, padding)  # type: ignore[no-untyped-call]
        return y
    return functional.conv2d(x, weight, bias, stride, padding, dilation, groups)


class _Strided(torch.autograd.Function):
    """A convolution of stride > 1, in single precision on a CPU."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, stride: Pair, padding: Pair) -> Tensor:
        """Convolve, and save both factors."""
        ctx.save_for_backward(x, weight)
        ctx.stride, ctx.padding = stride, padding
        ctx.biases = None if bias is None else [len(bias)]
        return functional.conv2d(x, weight, bias, stride, padding)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None, None, None]:
        """Return the requested gradients."""
        (x, weight), grad = ctx.saved_tensors, with_channels_last(gradients[0])
        wanted = (False, *ctx.needs_input_grad[1:3])
        of_x = _of_input(grad, weight, x.shape, ctx.stride, ctx.padding) if ctx.needs_input_grad[0] else None
        _, of_weight, of_bias = torch.ops.aten.convolution_backward(
            grad, x, weight, ctx.biases, ctx.stride, ctx.padding, (1, 1), False, (0, 0), 1, wanted
        )
        return of_x, of_weight, of_bias, None, None


def _of_input(grad: Tensor, weight: Tensor, shape: torch.Size, stride: Pair, padding: Pair) -> Tensor:
    """Return the gradient of an input of some ``shape`` (N, C, H, W), some maps at a time."""
    outputs, channels, *kernel = weight.shape
    run = whole_vectors(kernel[1] * channels)
    rows = weight.new_zeros(kernel[0], run, outputs)
    rows[:, : kernel[1] * channels] = weight.permute(2, 3, 1, 0).reshape(kernel[0], -1, outputs)
    arriving = grad.permute(0, 2, 3, 1)
    places = arriving.shape[1:3]
    maps = grad.new_empty(shape[0], *shape[2:], channels)
    many = max(1, _WINDOW_BYTES // (rows[..., 0].nbytes * places.numel()))
    for some, found in zip(arriving.split(many), maps.split(many), strict=True):
        windows = product(some.reshape(-1, outputs), rows.flatten(0, 1)).view(len(some), *places, kernel[0], run)
        fold(windows.numpy(), tuple(kernel), stride, padding, found.numpy())
    return maps.permute(0, 3, 1, 2)
