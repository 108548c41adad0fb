"""Straight-through gradients: what a function computes with rounding is trained as if it did not round."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class Exactly(torch.autograd.Function):
    """The value of ``exact``; the gradient goes to ``smooth``, which it rounds, of the same shape."""

    @staticmethod
    def forward(ctx: Any, exact: Tensor, smooth: Tensor) -> Tensor:
        """Return the exact value."""
        ctx.kind = smooth.dtype
        return exact.detach().clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[None, Tensor]:
        """Pass the gradient to what was rounded."""
        return None, gradients[0].to(ctx.kind)


class Rounded(torch.autograd.Function):
    """Weights in chip units, mantissa * ``step``, of weights (O, ...); ``steps`` (O, 1, ...) are a float unit's.

    ``step`` is (), or of each row, (O, 1, ...).
    """

    @staticmethod
    def forward(ctx: Any, weight: Tensor, steps: Tensor, step: Tensor) -> Tensor:
        """Round."""
        ctx.save_for_backward(steps)
        ctx.step = step
        rounded: Tensor = torch.round_(weight * steps).mul_(step)
        return rounded

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        """Pass the gradient on, in float units."""
        (steps,) = ctx.saved_tensors
        return gradients[0] * (steps * ctx.step), None, None
