"""Adam (Kingma and Ba 2015) with a cosine schedule down to zero, by torch's function instead of its class.

The class imports torch's compiler, which costs every process 1.6 seconds and is not needed here.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import cos, pi

import torch
from torch import Tensor
from torch.optim.adam import adam


def cosine_rate(rate: float, step: int, steps: int) -> float:
    """Return the learning rate of a step: half a cosine from ``rate`` down to zero."""
    return rate * (1 + cos(pi * step / steps)) / 2


class CosineAdam:
    """Optimises ``parameters`` in ``steps`` steps, with a learning rate from ``rate`` down to zero."""

    def __init__(self, parameters: Iterable[Tensor], rate: float, steps: int) -> None:
        self._parameters, self._rate, self._steps, self._done = list(parameters), rate, steps, 0
        self._means = [torch.zeros_like(each) for each in self._parameters]
        self._squares = [torch.zeros_like(each) for each in self._parameters]
        self._counts = [torch.tensor(0.0) for _ in self._parameters]

    def zero_grad(self) -> None:
        """Reset the gradients."""
        for parameter in self._parameters:
            parameter.grad = None

    @torch.no_grad()
    def step(self) -> None:
        """Update the parameters that have gradients."""
        gradients = {index: each.grad for index, each in enumerate(self._parameters) if each.grad is not None}
        own, means, squares, counts = (
            [each[index] for index in gradients]
            for each in (self._parameters, self._means, self._squares, self._counts)
        )
        rate = cosine_rate(self._rate, self._done, self._steps)
        fixed = {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 0.0, "amsgrad": False, "maximize": False}
        adam(own, list(gradients.values()), means, squares, [], counts, foreach=True, lr=rate, **fixed)  # type: ignore[arg-type]
        self._done += 1
