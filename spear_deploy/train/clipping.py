"""Adaptive gradient clipping.

Surrogate gradients through the loops of a recurrent network explode in single batches, by factors of 10^10.  Adam
divides by their mean square, which remembers such a batch for a thousand others, so that hardly anything is learnt in
these.  No fixed bound suits all networks; the usual length is learnt during training, as in Seetharaman et al.,
AutoClip: Adaptive gradient clipping for source separation networks, MLSP 2020.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable
from statistics import median_low

import torch
from torch import Tensor

_LONG = 3.0
"""Bound as a multiple of the median length; without loops about one batch in 25 exceeds it."""


class Clipping:
    """Clips the norm of the gradients of ``parameters`` by the norms of the batches so far."""

    def __init__(self, parameters: Iterable[Tensor]) -> None:
        self._parameters, self._lengths = list(parameters), list[float]()

    def __call__(self) -> None:
        """Scale all gradients down by one factor if their norm is too large."""
        gradients = [each.grad for each in self._parameters if each.grad is not None]
        if not gradients:
            return
        length = float(torch.stack([torch.linalg.vector_norm(each) for each in gradients]).norm())
        if self._lengths and length > (longest := _LONG * median_low(self._lengths)):
            for each in gradients:
                each.mul_(longest / length)  # 0 where the norm exceeds single precision
        insort(self._lengths, length)  # sorted, so the median needs no search
