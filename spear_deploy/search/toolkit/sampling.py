"""Base class of methods that sample widths: they propose until nothing new is found, and maximise the reward R."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spear_deploy.search.protocol import Outcome, Proposal, Task
from spear_deploy.search.space import KeepCounts
from spear_deploy.search.toolkit.objective import reward_of, search_figures
from spear_deploy.search.toolkit.widths import Widths

MOST_TRIES = 50
"""Draws without a new network that fits after which the method ends."""


class SamplingMethod:
    """Proposes widths from :meth:`draw` that are new and fit, as many as evaluations allow."""

    def __init__(self, task: Task) -> None:
        self.task, self.widths = task, Widths(task)
        self.told: list[tuple[Proposal, Outcome]] = []
        self._seen: set[tuple[tuple[str, int], ...]] = set()

    def ask(self) -> Proposal | None:
        """Return the next network; None once evaluations are used up or nothing new is drawn."""
        if len(self.told) >= self.task.evaluations:
            return None
        for _ in range(MOST_TRIES):
            counts = self.draw()
            if self.is_new(counts):
                self._seen.add(tuple(counts.items()))
                return Proposal(counts)
            self.discard(counts)
        return None

    def tell(self, proposal: Proposal, outcome: Outcome) -> None:
        """Remember the outcome."""
        self.told.append((proposal, outcome))

    def merit(self, proposal: Proposal, outcome: Outcome) -> float:
        """Return the reward R (see objective.py)."""
        return reward_of(self.task, proposal, outcome)

    def figures(self) -> Mapping[str, Any]:
        """Return how the search went."""
        return search_figures(self.task, self.told, [self.merit(*entry) for entry in self.told])

    def draw(self) -> KeepCounts:
        """Return widths to propose, new or not."""
        raise NotImplementedError

    def discard(self, counts: KeepCounts) -> None:
        """Called with drawn widths that are not proposed."""

    def is_new(self, counts: KeepCounts) -> bool:
        """Whether these widths fit and were not proposed before."""
        return tuple(counts.items()) not in self._seen and self.task.space.fits(counts)
