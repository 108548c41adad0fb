"""How long and how the search runs: apart from the search itself, so that options can be read without torch."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from spear_deploy.train.config import FinetuneConfig


@dataclass(frozen=True)
class SearchOptions:
    """How long and how the search runs.

    ``method`` is a name of :data:`spear_deploy.search.methods.METHODS`.  ``episodes`` are networks judged before
    fine-tuning, ``candidates`` those that may be fine-tuned and measured, ``samples`` the fine-tuned networks that
    LRE may take at most.  ``aim`` is the share of the budget that fine-tuning presses towards; a network below
    ``least_use`` of the budget wastes it; both were chosen so that what one attempt misses lies between them.
    """

    method: str = "spear"
    episodes: int = 160
    candidates: int = 4
    samples: int = 16
    lowest_ratio: float = 0.1
    aim: float = 0.965
    least_use: float = 0.88
    probe: FinetuneConfig = field(default_factory=lambda: FinetuneConfig(epochs=2.0, max_steps=100))
    finish: FinetuneConfig = field(default_factory=lambda: FinetuneConfig(epochs=12.0, max_steps=1000))

    @property
    def decide(self) -> str | None:
        """The decision rule that networks are judged by: the one that their fine-tuning follows."""
        return self.finish.decide

    def deciding(self, decide: str | None) -> SearchOptions:
        """Return the same under the decision rule of that name (None: the output's usual one)."""
        probe, finish = (replace(config, decide=decide) for config in (self.probe, self.finish))
        return replace(self, probe=probe, finish=finish)
