"""Base class of methods that propose a single network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from spear_deploy.network.units import Units
from spear_deploy.search.protocol import Outcome, Proposal, Task


class SingleProposal:
    """Proposes what :meth:`propose` returns, once; its outcome changes nothing."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self._is_asked = False
        self._figures: Mapping[str, Any] = {}

    def propose(self) -> Proposal:
        """Return the network."""
        raise NotImplementedError

    def ask(self) -> Proposal | None:
        """Return the proposal, then None."""
        if self._is_asked:
            return None
        self._is_asked = True
        return self.propose()

    def tell(self, proposal: Proposal, outcome: Outcome) -> None:
        """Ignore the outcome."""

    def merit(self, proposal: Proposal, outcome: Outcome) -> float:
        """Return the score."""
        return outcome.score

    def figures(self) -> Mapping[str, Any]:
        """Return the figures that :meth:`propose` has set, if any."""
        return self._figures


def all_units(task: Task) -> dict[str, Units]:
    """Return all units of each group, for a network that keeps every unit."""
    return {name: np.arange(units) for name, units in task.space.units.items()}
