"""Thinning: removing the single synapses of least worth per SynOp.

Worth is computed in two ways (:func:`worths`): by gradients, or by magnitudes if the network that these leave has
clearly less loss on validation samples.  Surrogate gradients rank the synapses of feed-forward networks best, but
through hundreds of steps of a recurrent network they can leave one that only guesses.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log

import numpy as np

from spear_deploy.data import Dataset, Split
from spear_deploy.execution import Execution
from spear_deploy.network import Network
from spear_deploy.search.importance import weight_importance
from spear_deploy.search.loss import mean_loss
from spear_deploy.search.synapses import Scores, SynapseCosts, magnitudes, masked

_SAMPLES, _RATES = 512, 256
"""Samples for worth (training) and loss (validation), and for firing rates (validation)."""
_CLEAR = 0.1
"""A clear difference in loss, as a share of the loss of guessing: right after pruning, smaller ones say little."""
_NOTHING = np.float32(1e-12)


@dataclass(frozen=True, eq=False)
class Thinned:
    """A network with fewer synapses, and how they were ranked: by ``taylor`` or ``magnitude``."""

    network: Network
    ranked_by: str


def costs_of(network: Network, data: Dataset, execution: Execution) -> SynapseCosts:
    """Return the costs of a network's synapses, at its firing rates on validation samples."""
    return SynapseCosts.of(network, data.val.some(_RATES), execution)


def thinned(
    costs: SynapseCosts, aim: float, data: Dataset, execution: Execution, *, decide: str | None = None
) -> Thinned:
    """Return the network with the most valuable synapses within ``aim``, a share of its SynOps."""
    network, split = costs.network, data.val.some(_SAMPLES)
    classes = max(2, network[network.outputs[0]].size)
    ranked = worths(costs, data.train.some(_SAMPLES), execution, decide=decide)
    left = {name: masked(network, costs.kept(worth, aim)) for name, worth in ranked.items()}
    losses = {name: mean_loss(each, split, execution, decide) for name, each in left.items()}
    is_clear = losses["taylor"] - losses["magnitude"] > _CLEAR * log(classes)
    chosen = "magnitude" if is_clear else "taylor"
    return Thinned(left[chosen], chosen)


def worths(costs: SynapseCosts, split: Split, execution: Execution, *, decide: str | None = None) -> dict[str, Scores]:
    """Return the worth of each weight per SynOp, in two ways.

    ``taylor``: |w dL/dw| per spike that passes (Molchanov et al. 2017, applied to weights).  ``magnitude``: |w| divided
    by the root mean square of its operation's weights.  Removing a weight w that s spikes pass changes the current by
    w^2 s in the square, that is w^2 per spike.
    """
    network, spent = costs.network, costs.costs()
    importance = weight_importance(network, split, execution, decide=decide)
    taylor = {place: value / np.maximum(spent[place], _NOTHING) for place, value in importance.items()}
    return {"taylor": taylor, "magnitude": magnitudes(network)}
