"""A method that works out one network by itself and proposes that."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from spear_deploy.network.units import Units
from spear_deploy.search.protocol import Outcome, Proposal, Task


class SingleProposal:
    """Asked once, it proposes what :meth:`propose` returns; what it is told changes nothing."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self._is_asked = False
        self._figures: Mapping[str, Any] = {}

    def propose(self) -> Proposal:
        """Return the network."""
        raise NotImplementedError

    def ask(self) -> Proposal | None:
        """Return the network, then None."""
        if self._is_asked:
            return None
        self._is_asked = True
        return self.propose()

    def tell(self, proposal: Proposal, outcome: Outcome) -> None:
        """Take the outcome."""

    def merit(self, proposal: Proposal, outcome: Outcome) -> float:
        """Return the score."""
        return outcome.score

    def figures(self) -> Mapping[str, Any]:
        """Return the method's own figures: what :meth:`propose` put down, if anything."""
        return self._figures


def all_units(task: Task) -> dict[str, Units]:
    """Return all units of each group, for a network that keeps them."""
    return {name: np.arange(units) for name, units in task.space.units.items()}
