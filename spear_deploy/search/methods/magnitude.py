"""Unstructured magnitude pruning: one threshold on ``|w|`` relative to the root mean square of its operation's weights.

A weight changes a current by ``|w|`` for each spike that passes it, and each such spike is one SynOp: magnitude *is*
the effect per SynOp.  It does not compare operations with each other; relative to their own scales, all of them lose
about the same share of weights.
"""

from __future__ import annotations

from spear_deploy.search.protocol import Proposal
from spear_deploy.search.synapses import SAMPLES, SynapseCosts, density, magnitudes, masked
from spear_deploy.search.toolkit.single_proposal import SingleProposal, all_units


class Magnitude(SingleProposal):
    """Keeps the largest weights, as many as the target allows; the closing fine-tuning trains them.

    Figure: the share of the weights that is left.
    """

    def propose(self) -> Proposal:
        """Return the network."""
        task, network = self.task, self.task.network
        synapses = SynapseCosts.of(network, task.data.train.some(SAMPLES), task.execution)
        masks = synapses.kept(magnitudes(network), task.target)
        self._figures = {"density": density(network, masks)}
        return Proposal(task.space.units, masked(network, masks), all_units(task))
