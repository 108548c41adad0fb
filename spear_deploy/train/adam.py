"""Adam (Kingma and Ba 2015) with a cosine schedule down to zero: torch's function, without the class around it.

That class imports torch's compiler, which takes 1.6 seconds of each process and compiles nothing here.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import cos, pi

import torch
from torch import Tensor
from torch.optim.adam import adam


def cosine_rate(rate: float, step: int, steps: int) -> float:
    """Return the learning rate of a step: ``rate`` in the first, then along half a cosine down to zero."""
    return rate * (1 + cos(pi * step / steps)) / 2


class CosineAdam:
    """Moves ``parameters`` along their gradients, at first by ``rate``, at the end of so many ``steps`` by nothing."""

    def __init__(self, parameters: Iterable[Tensor], rate: float, steps: int) -> None:
        self._parameters, self._rate, self._steps, self._done = list(parameters), rate, steps, 0
        self._means = [torch.zeros_like(each) for each in self._parameters]
        self._squares = [torch.zeros_like(each) for each in self._parameters]
        self._counts = [torch.tensor(0.0) for _ in self._parameters]

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for parameter in self._parameters:
            parameter.grad = None

    @torch.no_grad()
    def step(self) -> None:
        """Move the parameters that have gradients."""
        gradients = {index: each.grad for index, each in enumerate(self._parameters) if each.grad is not None}
        own, means, squares, counts = (
            [each[index] for index in gradients]
            for each in (self._parameters, self._means, self._squares, self._counts)
        )
        rate = cosine_rate(self._rate, self._done, self._steps)
        fixed = {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 0.0, "amsgrad": False, "maximize": False}
        adam(own, list(gradients.values()), means, squares, [], counts, foreach=True, lr=rate, **fixed)  # type: ignore[arg-type]
        self._done += 1
