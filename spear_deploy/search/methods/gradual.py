"""Gradual pruning alone: the widths reached by cost-aware pruning in stages."""

from __future__ import annotations

from spear_deploy.search.protocol import Proposal
from spear_deploy.search.toolkit.single_proposal import SingleProposal


class Gradual(SingleProposal):
    """Proposes the end of the gradual path, which the search computes for every method."""

    def propose(self) -> Proposal:
        """Return the widths."""
        return Proposal(self.task.known[0])
