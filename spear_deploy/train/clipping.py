"""Gradients that are much longer than usual are shortened.

Surrogate gradients through the loops of a recurrent network grow without bound in single batches, by factors of
10^10.  Adam divides by their mean square, in which such a batch stays for a thousand others, so that hardly anything
is learnt in these.  What is usual is learnt from the training itself, as by Seetharaman et al., AutoClip: Adaptive
gradient clipping for source separation networks, MLSP 2020; a bound that fits all networks does not exist.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable
from statistics import median_low

import torch
from torch import Tensor

_LONG = 3.0
"""So many times the median length a gradient may have; in a network without loops about one batch in 25 exceeds it."""


class Clipping:
    """Bounds the common length of the gradients of ``parameters`` by those of the batches so far."""

    def __init__(self, parameters: Iterable[Tensor]) -> None:
        self._parameters, self._lengths = list(parameters), list[float]()

    def __call__(self) -> None:
        """Shorten the gradients that there are, all by one factor, where they are too long."""
        gradients = [each.grad for each in self._parameters if each.grad is not None]
        if not gradients:
            return
        length = float(torch.stack([torch.linalg.vector_norm(each) for each in gradients]).norm())
        if self._lengths and length > (longest := _LONG * median_low(self._lengths)):
            for each in gradients:
                each.mul_(longest / length)  # by 0 where the length is beyond single precision
        insort(self._lengths, length)  # the median of what is in order takes no sorting
