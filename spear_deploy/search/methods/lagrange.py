"""The SynOps penalty alone: nothing is pruned, the closing fine-tuning drives the unpruned network to the target."""

from __future__ import annotations

from spear_deploy.search.protocol import Proposal
from spear_deploy.search.toolkit.single_proposal import SingleProposal


class Lagrange(SingleProposal):
    """Proposes the unpruned network: only the SynOps penalty of the closing fine-tuning saves SynOps."""

    def propose(self) -> Proposal:
        """Return all units of every group."""
        return Proposal(self.task.space.units)
