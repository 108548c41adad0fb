"""Matrix products in training, by the library that is fastest on a CPU.

torch uses MKL.  oneDNN, which comes with torch too, takes less than half of its time on an AMD EPYC: 0.28 ms for
(2048, 64) by (64, 256), where MKL takes 0.62.  Both sum in single precision, in which integers up to 2^24 are exact.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as functional
from torch import Tensor

from spear_deploy.simulate.event_products import correlation_by_events, product_by_events, suits_events

_WORTH = 1 << 20
"""Multiplications above which oneDNN's overhead of ten microseconds pays off."""


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return ``x @ weight.T + bias``, with gradients: x (N, *inputs), weight (outputs, inputs), bias (outputs,).

    If ``x`` are maps with channels last in memory, the smaller of ``x`` and ``weight`` is reordered.
    """
    if x.dim() == 4 and not x.is_contiguous() and weight.numel() < x.numel():
        x, weight = x.permute(0, 2, 3, 1), weight.unflatten(1, x.shape[1:]).permute(0, 2, 3, 1).flatten(1)
    x = x.flatten(1)
    if not _suits(x, weight):
        return functional.linear(x, weight, bias)
    y: Tensor = _Linear.apply(x, weight)  # type: ignore[no-untyped-call]
    return y if bias is None else y + bias


def product(left: Tensor, right: Tensor) -> Tensor:
    """Return ``left @ right.T``, without gradients: (n, k) by (m, k)."""
    if not _suits(left, right):
        return left @ right.T
    found: Tensor = torch.ops.mkldnn._linear_pointwise(left, right, None, "none", [], "")
    return found


def weight_gradient(grad: Tensor, x: Tensor) -> Tensor:
    """Return ``grad.T @ x``, without gradients: grad (n, outputs), x (n, inputs)."""
    if _suits(grad.T, x.T) and suits_events(x, grad.shape[1]):
        return correlation_by_events(grad, x)
    # The narrower factor goes first, where transposing costs more.
    return product(grad.T, x.T) if grad.shape[1] <= x.shape[1] else product(x.T, grad.T).T


def _suits(left: Tensor, right: Tensor) -> bool:
    """Whether oneDNN is available, supports these matrices and is faster."""
    is_single = left.dtype == right.dtype == torch.float32
    if left.device.type != "cpu" or not is_single or len(left) * right.numel() < _WORTH:
        return False
    return torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")


class _Linear(torch.autograd.Function):
    """``x @ weight.T``."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        """Multiply, and save both factors."""
        ctx.save_for_backward(x, weight)
        return product_by_events(x, weight) if suits_events(x, len(weight)) else product(x, weight)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None]:
        """Return the requested gradients."""
        (x, weight), (grad,) = ctx.saved_tensors, gradients
        of_x = product(grad, weight.T) if ctx.needs_input_grad[0] else None
        return of_x, weight_gradient(grad, x) if ctx.needs_input_grad[1] else None
