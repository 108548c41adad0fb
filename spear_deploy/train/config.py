"""How to fine-tune: apart from the fine-tuning itself, so that options can be read without torch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class FinetuneConfig:
    """How to fine-tune: Adam with a cosine schedule down to zero, over ``epochs`` or ``max_steps`` batches."""

    epochs: float = 2.0
    max_steps: int | None = None
    learning_rate: float = 2e-3
    batch: int = 64
    distillation: float = 1.0
    dual_step: float = 0.2
    penalty: float = 10.0

    def steps(self, samples: int) -> int:
        """Return the number of batches for a split of that many samples."""
        wanted = max(1, round(self.epochs * -(-samples // self.batch)))
        return wanted if self.max_steps is None else min(wanted, self.max_steps)
