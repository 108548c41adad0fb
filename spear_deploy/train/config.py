"""The options of fine-tuning, in a module of their own so that they can be read without torch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from spear_deploy.train.teacher import Teacher

_ANY_NUMBER = 1e9
"""Epochs of a training that is limited by batches only."""


@dataclass(frozen=True)
class FinetuneConfig:
    """Fine-tuning options: Adam with a cosine schedule down to zero, over ``epochs`` or ``max_steps`` batches.

    ``least_steps`` is the smallest number of batches: small splits get more epochs.  ``decide`` names the decision rule
    of the loss (None: the output's usual one), and ``augment`` the augmentations
    (:mod:`spear_deploy.train.augmentation`).
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
        """Return the options for ``share`` times as long."""
        most = None if self.max_steps is None else round(self.max_steps * share)
        least = max(1, round(self.least_steps * share))
        return replace(self, epochs=self.epochs * share, max_steps=most, least_steps=least)

    def lasting(self, steps: int) -> FinetuneConfig:
        """Return the options for exactly that many batches."""
        return replace(self, epochs=_ANY_NUMBER, max_steps=steps)


@dataclass(frozen=True, eq=False)
class Aims:
    """The aims of fine-tuning besides the labels.

    ``teacher`` is the network to distil from; ``synops_target`` the limit of mean SynOps per sample in training, and
    ``multiplier`` the initial weight of that constraint, from an earlier fine-tuning towards the same budget.
    """

    teacher: Teacher | None = None
    synops_target: float | None = None
    multiplier: float = 0.0
