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
from math import sqrt

import numpy as np

from spear_deploy.network import Network
from spear_deploy.search.protocol import Proposal, Task
from spear_deploy.search.space import CLOSE, STAGE, stages_to
from spear_deploy.search.synapses import SynapseCosts, weights_of
from spear_deploy.search.thinning import costs_of, thinned
from spear_deploy.search.toolkit.single_proposal import SingleProposal

_UNITS = 3.0
"""Units are removed until SynOps are this multiple of the target; 2 to 5, and no units at all, did alike (digits)."""
_WASTED = 0.95
"""A stage that ends at less than this share of the target is done again, with half of its cut."""
_ABOVE = 1.05
"""Where stages end, as a multiple of the target: longer training lowers SynOps, and what it leaves above is pressed."""


class GradualSynapses(SingleProposal):
    """Removes units in stages, then single synapses, with short training after each stage.

    Its figures are the stages, how many of them ranked in which way, and the share of the weights that is left in the
    units that are left.
    """

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        self._ranked_by = Counter[str]()

    def propose(self) -> Proposal:
        """Prune, and return the network."""
        task, target = self.task, _ABOVE * self.task.target
        start = task.path.down_to(_UNITS * task.target, task.space.fits)
        costs, expected = self._costs(start.network), stages_to(target / start.share)
        while (share := costs.synops / task.cost.total) > CLOSE * target and not task.execution.deadline.passed:
            aim = max(target / share, STAGE)
            after = self._stage(costs, aim, expected)
            if after.synops < _WASTED * task.target * task.cost.total:
                after = self._stage(costs, sqrt(aim), expected)
            if after.network.content_hash == costs.network.content_hash:
                break
            costs = after
        network, stages = costs.network, sum(self._ranked_by.values())
        weights = weights_of(network).values()
        density = sum(np.count_nonzero(weight) for weight in weights) / max(1, sum(weight.size for weight in weights))
        self._figures = {"stages": stages, "density": density, **self._ranked_by}
        return Proposal(start.counts, network, start.kept, start.steps + stages * task.refining)

    def _costs(self, network: Network) -> SynapseCosts:
        return costs_of(network, self.task.data, self.task.execution)

    def _stage(self, costs: SynapseCosts, aim: float, expected: int) -> SynapseCosts:
        """Leave synapses of that share of the SynOps, train briefly, and return what is left with its costs."""
        task = self.task
        left = thinned(costs, aim, task.data, task.execution, decide=task.training.decide)
        if left.network.content_hash == costs.network.content_hash:
            return costs
        self._ranked_by[left.ranked_by] += 1
        done = sum(self._ranked_by.values())
        task.tick(done, max(done, expected))
        return self._costs(task.refine(left.network))
