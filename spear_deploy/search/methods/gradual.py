"""Gradual pruning alone: the widths that cost-aware pruning in stages leads to, and nothing beside them."""

from __future__ import annotations

from spear_deploy.search.protocol import Proposal
from spear_deploy.search.toolkit.single_proposal import SingleProposal


class Gradual(SingleProposal):
    """Proposes the end of the gradual path, which the search walks for every method."""

    def propose(self) -> Proposal:
        """Return the widths."""
        return Proposal(self.task.known[0])
