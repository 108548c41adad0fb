"""Taylor importance for each SynOp saved: one threshold for all groups.

Choosing what to keep so that little importance is lost within the SynOps allowed is a knapsack; its Lagrangian ::

    minimise  - sum over groups of log(share of its importance that is kept) + multiplier * SynOps(kept)

removes a unit while ``lost(u) < multiplier * saved(u)``, both beside the units that are still kept.  Raising the
multiplier from 0 removes units one by one (``widths.removals``); the least multiplier whose widths are predicted to
meet the target is found by bisection.  Each group keeps its most important units.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spear_deploy.search.protocol import Outcome, Proposal, Task
from spear_deploy.search.toolkit.bisection import BisectionMethod
from spear_deploy.search.toolkit.widths import Widths, removals


class Taylor(BisectionMethod):
    """Importance for each SynOp saved, under one Lagrangian multiplier for all groups, found by bisection."""

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        self._path = removals(Widths(task))
        self._low, self._high = 0, len(self._path.groups)  # steps: so many are too few, so many are taken as enough
        self._asked = 0
        self._step = -1

    def ask(self) -> Proposal | None:
        """Return the network in the middle of what is left of the path; None once it is found."""
        if self._asked >= self.task.evaluations or self._low > self._high:
            return None
        self._asked += 1
        self._step = (self._low + self._high) // 2
        return Proposal(self._path.after(self._step))

    def tell(self, proposal: Proposal, outcome: Outcome) -> None:
        """Keep the part of the path in which the target is met first."""
        if self.is_within(proposal, outcome):
            self._high = self._step - 1
        else:
            self._low = self._step + 1

    def figures(self) -> Mapping[str, Any]:
        """Return how many units are removed, and the multiplier: the largest importance for a SynOp that went."""
        return {"removed": self._low, "multiplier": self._path.multiplier(self._low)}
