"""Gradual pruning of units first, and of single synapses then.

Whole units go in the stages of gradual pruning until SynOps are three times the target.  From there single synapses go,
in stages of the same size with the same short training between: those of least worth for the SynOps that pass through
them, taken anew in each stage (:mod:`spear_deploy.search.thinning`).

A chip that executes the synapses that exist, as Loihi does, spends nothing on the others.  So a network of more units
and fewer synapses is within the same budget, and at tight budgets it decides better (docs/benchmarks.md).  The units
that went first save the time, and the cores, of units that would be left almost without synapses.
"""

from __future__ import annotations

from collections import Counter

import numpy as np

from spear_deploy.search.methods.once import Once
from spear_deploy.search.methods.protocol import Proposal
from spear_deploy.search.space import CLOSE, STAGE, stages_to
from spear_deploy.search.synapses import weights_of
from spear_deploy.search.thinning import costs_of, thinned

_UNITS = 3.0
"""Units are removed until SynOps are this multiple of the target; 2 to 5, and no units at all, did alike (digits)."""
_ABOVE = 1.05
"""Where stages end, as a multiple of the target: longer training lowers SynOps, and what it leaves above is pressed."""


class GradualSynapses(Once):
    """Proposes the network at the end, trained briefly after each stage.

    Its figures are the stages, how many of them ranked in which way, and the share of the weights that is left in the
    units that are left.
    """

    def propose(self) -> Proposal:
        """Prune, and return the network."""
        task = self.task
        start = task.path.down_to(_UNITS * task.target, task.space.fits)
        network, stages, target = start.network, 0, _ABOVE * task.target
        expected, ranked_by = stages_to(target / start.share), Counter[str]()
        while True:
            costs = costs_of(network, task.data, task.execution)
            share = costs.synops / task.cost.total
            if share <= CLOSE * target or task.execution.deadline.passed:
                break
            left = thinned(costs, max(target / share, STAGE), task.data, task.execution, decide=task.training.decide)
            if left.network.content_hash == network.content_hash:
                break
            network, stages = task.refine(left.network), stages + 1
            ranked_by[left.ranked_by] += 1
            task.tick(stages, max(stages, expected))
        weights = weights_of(network).values()
        density = sum(np.count_nonzero(weight) for weight in weights) / max(1, sum(weight.size for weight in weights))
        self._figures = {"stages": stages, "density": density, **ranked_by}
        return Proposal(start.counts, network, start.kept, start.steps + stages * task.refining)
