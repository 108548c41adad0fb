"""Uniform ratios: every group keeps the same share, found by bisection.

The simplest thing that could do the job, and the one that every other method stands beside.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spear_deploy.search.protocol import Outcome, Proposal, Task
from spear_deploy.search.space import KeepCounts
from spear_deploy.search.toolkit.bisection import BisectionMethod


class Uniform(BisectionMethod):
    """One keep ratio for all layers, found by halving the interval in which predicted SynOps reach the target."""

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        self._low, self._high = task.space.lowest, 1.0
        self._ratio = self._high
        self._seen: list[KeepCounts] = []

    def ask(self) -> Proposal | None:
        """Return the network in the middle of the interval; None once it is one of those before."""
        self._ratio = (self._low + self._high) / 2
        counts = self.task.space.at_ratio(self._ratio)
        if counts in self._seen or len(self._seen) >= self.task.evaluations:
            return None
        self._seen.append(counts)
        return Proposal(counts)

    def tell(self, proposal: Proposal, outcome: Outcome) -> None:
        """Keep the half in which the target lies."""
        if self.is_within(proposal, outcome):
            self._low = self._ratio
        else:
            self._high = self._ratio

    def figures(self) -> Mapping[str, Any]:
        """Return the largest ratio whose predicted SynOps are within the target."""
        return {"ratio": self._low}
