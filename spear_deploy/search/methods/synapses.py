"""Gradual pruning of units first, and of single synapses then.

Whole units go in the stages of gradual pruning until SynOps are three times the target.  From there single synapses go,
in stages of the same size with the same short training between: those of least importance, first-order Taylor
``|w dL/dw|`` (Molchanov et al. 2017, on weights), for the SynOps that pass through them, taken anew in each stage.

A chip that executes the synapses that exist, as Loihi does, spends nothing on the others.  So a network of more units
and fewer synapses is within the same budget, and at tight budgets it decides better (docs/benchmarks.md).  The units
that went first save the time, and the cores, of units that would be left almost without synapses.
"""

from __future__ import annotations

import numpy as np

from spear_deploy.network import Network
from spear_deploy.search.importance import weight_importance
from spear_deploy.search.methods.once import Once
from spear_deploy.search.methods.protocol import Proposal
from spear_deploy.search.space import CLOSE, STAGE, stages_to
from spear_deploy.search.synapses import Synapses, masked, weights_of

_UNITS = 3.0
"""Units are removed until SynOps are this multiple of the target; 2 to 5, and no units at all, did alike (digits)."""
_SAMPLES, _RATES = 512, 256
"""Samples that the importance (training) and the rates (validation) within a stage are averaged over."""
_NOTHING = 1e-12


class GradualSynapses(Once):
    """Proposes the network at the end, trained briefly after each stage.

    Its figures are the stages, and the share of the weights that is left in the units that are left.
    """

    def propose(self) -> Proposal:
        """Prune, and return the network."""
        task = self.task
        start = task.path.down_to(_UNITS * task.target, task.space.fits)
        network, stages = start.network, 0
        expected = stages_to(task.target / start.share)
        while True:
            synapses = self._synapses(network)
            share = synapses.synops / task.cost.total
            if share <= CLOSE * task.target:
                break
            thinner = self._thinned(synapses, max(task.target / share, STAGE))
            if thinner.content_hash == network.content_hash:
                break
            network, stages = task.refine(thinner), stages + 1
            task.tick(stages, max(stages, expected))
        left = weights_of(network).values()
        density = sum(np.count_nonzero(weight) for weight in left) / max(1, sum(weight.size for weight in left))
        self._figures = {"stages": stages, "density": density}
        return Proposal(start.counts, network, start.kept, start.steps + stages * task.refining)

    def _synapses(self, network: Network) -> Synapses:
        return Synapses.of(network, self.task.data.val.head(_RATES), self.task.execution)

    def _thinned(self, synapses: Synapses, aim: float) -> Network:
        """Return the network with those synapses that ``aim``, a share of its SynOps, has room for."""
        task, network, costs = self.task, synapses.network, synapses.costs()
        split, decide = task.data.train.head(_SAMPLES), task.training.decide
        importance = weight_importance(network, split, task.execution, decide=decide)
        worth = {place: value / np.maximum(costs[place], _NOTHING) for place, value in importance.items()}
        return masked(network, synapses.kept(worth, aim))
