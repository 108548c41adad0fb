"""The options of fine-tuning, in a module of their own so that they can be read without torch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from spear_deploy.train.teacher import Teacher

_ANY_NUMBER = 1e9
"""Epochs of what is limited by its batches alone."""


@dataclass(frozen=True)
class FinetuneConfig:
    """Fine-tuning options: Adam with a cosine schedule down to zero, over ``epochs`` or ``max_steps`` batches.

    ``least_steps`` are batches that a split of few samples is gone through more often for.
    ``decide`` names the decision rule that the loss follows (None: the output's usual one), and ``augment`` what
    changes samples at random (:mod:`spear_deploy.train.augmentation`).
    """

    epochs: float = 2.0
    max_steps: int | None = None
    learning_rate: float = 2e-3
    batch: int = 64
    distillation: float = 1.0
    dual_step: float = 0.2
    penalty: float = 10.0
    decide: str | None = None
    least_steps: int = 1
    augment: tuple[str, ...] = ()

    def steps(self, samples: int) -> int:
        """Return the number of batches for a split of that many samples."""
        wanted = max(self.least_steps, round(self.epochs * -(-samples // self.batch)))
        return wanted if self.max_steps is None else min(wanted, self.max_steps)

    def scaled(self, share: float) -> FinetuneConfig:
        """Return the same for ``share`` times as long."""
        most = None if self.max_steps is None else round(self.max_steps * share)
        least = max(1, round(self.least_steps * share))
        return replace(self, epochs=self.epochs * share, max_steps=most, least_steps=least)

    def lasting(self, steps: int) -> FinetuneConfig:
        """Return the same for that many batches, whatever the split."""
        return replace(self, epochs=_ANY_NUMBER, max_steps=steps)


@dataclass(frozen=True, eq=False)
class Aims:
    """The aims of fine-tuning besides the labels.

    ``teacher`` is what it distils from; ``synops_target`` the mean SynOps a sample that it may spend, counted on what
    the network does in training, and ``multiplier`` the weight of that constraint at first: what an earlier
    fine-tuning towards the same budget ended with.
    """

    teacher: Teacher | None = None
    synops_target: float | None = None
    multiplier: float = 0.0
