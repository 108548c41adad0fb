"""Which single synapses go: those of least worth for the SynOps that pass through them.

Worth is told in two ways (:func:`worths`): by gradients, or by magnitudes where the network that these leave has
clearly less loss on validation samples.  Surrogate gradients rank the synapses of feed-forward networks best; through
hundreds of steps of a recurrent one they may rank them so that it is left guessing.
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
"""Samples that worth (training) and loss (validation), and the rates (validation), are averaged over."""
_CLEAR = 0.1
"""Loss that says something, as a share of what guessing loses: right after a cut small differences say little."""
_NOTHING = np.float32(1e-12)


@dataclass(frozen=True, eq=False)
class Thinned:
    """A network of fewer synapses, and by what they were ranked: ``taylor`` or ``magnitude``."""

    network: Network
    ranked_by: str


def costs_of(network: Network, data: Dataset, execution: Execution) -> SynapseCosts:
    """Return what the synapses of a network cost, at its rates on validation samples."""
    return SynapseCosts.of(network, data.val.some(_RATES), execution)


def thinned(
    costs: SynapseCosts, aim: float, data: Dataset, execution: Execution, *, decide: str | None = None
) -> Thinned:
    """Return the network with those synapses that ``aim``, a share of its SynOps, has room for."""
    network, split = costs.network, data.val.some(_SAMPLES)
    classes = max(2, network[network.outputs[0]].size)
    ranked = worths(costs, data.train.some(_SAMPLES), execution, decide=decide)
    left = {name: masked(network, costs.kept(worth, aim)) for name, worth in ranked.items()}
    losses = {name: mean_loss(each, split, execution, decide) for name, each in left.items()}
    is_clear = losses["taylor"] - losses["magnitude"] > _CLEAR * log(classes)
    chosen = "magnitude" if is_clear else "taylor"
    return Thinned(left[chosen], chosen)


def worths(costs: SynapseCosts, split: Split, execution: Execution, *, decide: str | None = None) -> dict[str, Scores]:
    """Return what each weight is worth for its SynOps, in two ways.

    ``taylor``: |w dL/dw| for each spike that passes (Molchanov et al. 2017, on weights).  ``magnitude``: |w| in units
    of the root mean square of its operation's.  Without a weight w that s spikes pass, the current departs by w^2 s in
    square: w^2 is what each of them is worth.
    """
    network, spent = costs.network, costs.costs()
    importance = weight_importance(network, split, execution, decide=decide)
    taylor = {place: value / np.maximum(spent[place], _NOTHING) for place, value in importance.items()}
    return {"taylor": taylor, "magnitude": magnitudes(network)}
