"""Uniform pruning: every group keeps the same share of its units, found by bisection.  The baseline of all methods."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spear_deploy.search.protocol import Outcome, Proposal, Task
from spear_deploy.search.space import KeepCounts
from spear_deploy.search.toolkit.bisection import BisectionMethod


class Uniform(BisectionMethod):
    """One keep ratio for all groups, found by bisection on predicted SynOps."""

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        self._low, self._high = task.space.lowest, 1.0
        self._ratio = self._high
        self._seen: list[KeepCounts] = []

    def ask(self) -> Proposal | None:
        """Return the network in the middle of the interval; None once it repeats an earlier one."""
        self._ratio = (self._low + self._high) / 2
        counts = self.task.space.at_ratio(self._ratio)
        if counts in self._seen or len(self._seen) >= self.task.evaluations:
            return None
        self._seen.append(counts)
        return Proposal(counts)

    def tell(self, proposal: Proposal, outcome: Outcome) -> None:
        """Keep the half of the interval in which the target lies."""
        if self.is_within(proposal, outcome):
            self._low = self._ratio
        else:
            self._high = self._ratio

    def figures(self) -> Mapping[str, Any]:
        """Return the largest ratio whose predicted SynOps are within the target."""
        return {"ratio": self._low}
