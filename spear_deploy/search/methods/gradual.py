"""Gradual pruning alone: the widths that cost-aware pruning in stages leads to, and nothing beside them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spear_deploy.search.methods.protocol import Outcome, Proposal, Task


class Gradual:
    """Proposes the end of the gradual path, which the search walks for every method."""

    def __init__(self, task: Task) -> None:
        self._left = list(task.known[:1])

    def ask(self) -> Proposal | None:
        """Return the widths; None once they were."""
        return Proposal(self._left.pop()) if self._left else None

    def tell(self, proposal: Proposal, outcome: Outcome) -> None:
        """There is nothing to learn."""

    def merit(self, proposal: Proposal, outcome: Outcome) -> float:
        """Return the score."""
        return outcome.score

    def figures(self) -> Mapping[str, Any]:
        """Return nothing: the report shows the widths."""
        return {}
