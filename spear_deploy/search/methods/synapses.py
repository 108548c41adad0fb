"""Gradual pruning of units first, and of single synapses then.

Whole units go in the stages of gradual pruning until SynOps are three times the target.  From there single synapses go,
in stages of the same size with the same short training between: those of least worth for the SynOps that pass through
them, taken anew in each stage.  Worth is told in two ways (:func:`worths`): by gradients, or by magnitudes where the
network that these leave has clearly less loss on validation samples.  Surrogate gradients rank the synapses of
feed-forward networks best; through hundreds of steps of a recurrent one they may rank them so that it is left guessing.

A chip that executes the synapses that exist, as Loihi does, spends nothing on the others.  So a network of more units
and fewer synapses is within the same budget, and at tight budgets it decides better (docs/benchmarks.md).  The units
that went first save the time, and the cores, of units that would be left almost without synapses.
"""

from __future__ import annotations

from collections import Counter
from math import log

import numpy as np

from spear_deploy.network import Network
from spear_deploy.search.importance import weight_importance
from spear_deploy.search.loss import mean_loss
from spear_deploy.search.methods.once import Once
from spear_deploy.search.methods.protocol import Proposal, Task
from spear_deploy.search.space import CLOSE, STAGE, stages_to
from spear_deploy.search.synapses import Scores, SynapseCosts, masked, scales_of, weights_of

_UNITS = 3.0
"""Units are removed until SynOps are this multiple of the target; 2 to 5, and no units at all, did alike (digits)."""
_ABOVE = 1.05
"""Where stages end, as a multiple of the target: longer training lowers SynOps, and what it leaves above is pressed."""
_SAMPLES, _RATES = 512, 256
"""Samples that worth (training), and the rates (validation), of a stage are averaged over."""
_CLEAR = 0.1
"""Loss that says something, as a share of what guessing loses: right after a cut small differences say little."""
_NOTHING = np.float32(1e-12)


class GradualSynapses(Once):
    """Proposes the network at the end, trained briefly after each stage.

    Its figures are the stages, how many of them ranked in which way, and the share of the weights that is left in the
    units that are left.
    """

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        self._chosen = Counter[str]()

    def propose(self) -> Proposal:
        """Prune, and return the network."""
        task = self.task
        start = task.path.down_to(_UNITS * task.target, task.space.fits)
        network, stages, target = start.network, 0, _ABOVE * task.target
        expected = stages_to(target / start.share)
        while True:
            synapses = self._synapses(network)
            share = synapses.synops / task.cost.total
            if share <= CLOSE * target or task.execution.deadline.passed:
                break
            thinner = self._thinned(synapses, max(target / share, STAGE))
            if thinner.content_hash == network.content_hash:
                break
            network, stages = task.refine(thinner), stages + 1
            task.tick(stages, max(stages, expected))
        left = weights_of(network).values()
        density = sum(np.count_nonzero(weight) for weight in left) / max(1, sum(weight.size for weight in left))
        self._figures = {"stages": stages, "density": density, **self._chosen}
        return Proposal(start.counts, network, start.kept, start.steps + stages * task.refining)

    def _synapses(self, network: Network) -> SynapseCosts:
        return SynapseCosts.of(network, self.task.data.val.some(_RATES), self.task.execution)

    def _thinned(self, synapses: SynapseCosts, aim: float) -> Network:
        """Return the network with those synapses that ``aim``, a share of its SynOps, has room for."""
        task, decide = self.task, self.task.training.decide
        classes = max(2, task.network[task.network.outputs[0]].size)
        thinner = {
            name: masked(synapses.network, synapses.kept(worth, aim)) for name, worth in worths(task, synapses).items()
        }
        split = task.data.val.some(_SAMPLES)
        losses = {name: mean_loss(each, split, task.execution, decide) for name, each in thinner.items()}
        is_clear = losses["taylor"] - losses["magnitude"] > _CLEAR * log(classes)
        chosen = "magnitude" if is_clear else "taylor"
        self._chosen[chosen] += 1
        return thinner[chosen]


def worths(task: Task, synapses: SynapseCosts) -> dict[str, Scores]:
    """Return what each weight is worth for its SynOps, in two ways.

    ``taylor``: |w dL/dw| for each spike that passes (Molchanov et al. 2017, on weights).  ``magnitude``: |w| in units
    of the root mean square of its operation's.  Without a weight w that s spikes pass, the current departs by w^2 s in
    square: w^2 is what each of them is worth.
    """
    network, costs = synapses.network, synapses.costs()
    split, decide = task.data.train.some(_SAMPLES), task.training.decide
    importance, scales = weight_importance(network, split, task.execution, decide=decide), scales_of(network)
    taylor = {place: value / np.maximum(costs[place], _NOTHING) for place, value in importance.items()}
    magnitude = {place: np.abs(weight) / scales[place] for place, weight in weights_of(network).items()}
    return {"taylor": taylor, "magnitude": magnitude}
