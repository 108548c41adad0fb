"""Gradual pruning alone: the widths that cost-aware pruning in stages leads to, and nothing beside them."""

from __future__ import annotations

from spear_deploy.search.methods.once import Once
from spear_deploy.search.methods.protocol import Proposal


class Gradual(Once):
    """Proposes the end of the gradual path, which the search walks for every method."""

    def propose(self) -> Proposal:
        """Return the widths."""
        return Proposal(self.task.known[0])
