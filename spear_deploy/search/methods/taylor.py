"""Taylor importance per SynOp saved: one threshold for all groups.

Losing as little importance as possible within the allowed SynOps is a knapsack problem.  Its Lagrangian ::

    minimise  - sum over groups of log(share of its importance that is kept) + multiplier * SynOps(kept)

removes a unit while ``lost(u) < multiplier * saved(u)``, both given the units that are still kept.  Raising the
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
    """Importance per SynOp saved, under one Lagrangian multiplier for all groups, found by bisection."""

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        self._path = removals(Widths(task))
        self._low, self._high = 0, len(self._path.groups)  # steps: fewer than low are too few, high are enough
        self._asked = 0
        self._step = -1

    def ask(self) -> Proposal | None:
        """Return the network in the middle of the remaining path; None once it is found."""
        if self._asked >= self.task.evaluations or self._low > self._high:
            return None
        self._asked += 1
        self._step = (self._low + self._high) // 2
        return Proposal(self._path.after(self._step))

    def tell(self, proposal: Proposal, outcome: Outcome) -> None:
        """Keep the half of the path in which the target is first met."""
        if self.is_within(proposal, outcome):
            self._high = self._step - 1
        else:
            self._low = self._step + 1

    def figures(self) -> Mapping[str, Any]:
        """Return the number of units removed, and the multiplier: the largest importance per SynOp removed."""
        return {"removed": self._low, "multiplier": self._path.multiplier(self._low)}
