"""Gradual pruning of units, then of single synapses.

Whole units are removed in stages until SynOps are three times the target.  From there single synapses are removed, in
stages of the same size with the same short training in between: those of least worth per SynOp, ranked again in each
stage (:mod:`spear_deploy.search.thinning`).

A chip that stores only existing synapses, as Loihi does, spends nothing on missing ones.  So a network with more units
and fewer synapses is within the same budget, and more accurate at tight budgets (docs/benchmarks.md).  Removing units
first saves the time and the cores of units that would end up with almost no synapses.
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
"""Units are removed until SynOps are this multiple of the target; 2 to 5, or no units at all, did alike (digits)."""
_WASTED = 0.95
"""A stage that ends below this share of the target is repeated with half of its reduction."""
_ABOVE = 1.05
"""Stages end at this multiple of the target: longer training lowers SynOps further."""


class GradualSynapses(SingleProposal):
    """Removes units in stages, then single synapses, with short training after each stage.

    Figures: the number of stages, how many used which ranking, and the density of the weights of the remaining units.
    """

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        self._ranked_by = Counter[str]()

    def propose(self) -> Proposal:
        """Prune in stages, and return the network."""
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
        """Thin to that share of the SynOps, train briefly, and return the new costs."""
        task = self.task
        left = thinned(costs, aim, task.data, task.execution, decide=task.training.decide)
        if left.network.content_hash == costs.network.content_hash:
            return costs
        self._ranked_by[left.ranked_by] += 1
        done = sum(self._ranked_by.values())
        task.tick(done, max(done, expected))
        return self._costs(task.refine(left.network))
