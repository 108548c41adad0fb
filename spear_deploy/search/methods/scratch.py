"""Training from scratch at the widths of uniform pruning: the baseline that pruning has to beat (Liu et al. 2019).

The closing fine-tuning is the only training.  Weights are normal with mean 0 and the trained layer's own scale,
corrected for removed inputs as in Kaiming's initialisation (He et al. 2015)::

    std = root mean square of the trained weights * sqrt(fan-in before / fan-in after)

Biases start at 0; neurons keep their parameters.  Weights of exactly 0 stay 0: they are not synapses.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from spear_deploy.network import Conv2d, Linear, LinearOp, Network
from spear_deploy.network.units import Units, keep_units
from spear_deploy.search.protocol import Proposal
from spear_deploy.search.space import KeepCounts, counts_of
from spear_deploy.search.toolkit.selection import best_units, select_uniform
from spear_deploy.search.toolkit.single_proposal import SingleProposal


class FromScratch(SingleProposal):
    """Proposes uniform widths with newly drawn weights, which the closing fine-tuning trains.

    The widths are the most even of the known ones, of several as even the last, or else computed here.
    """

    def propose(self) -> Proposal:
        """Return the network."""
        return with_new_weights(self.task.network, self._kept(), self.task.execution.seed)

    def figures(self) -> Mapping[str, Any]:
        """Return the widths."""
        return {"widths": counts_of(self._kept())}

    def _kept(self) -> dict[str, Units]:
        if self.task.known:
            return best_units(self.task.importance, min(reversed(self.task.known), key=self._unevenness))
        return select_uniform(self.task)

    def _unevenness(self, counts: KeepCounts) -> float:
        """Return the range of the groups' keep ratios; rounding to whole units bounds it from below."""
        ratios = [counts[name] / units for name, units in self.task.space.units.items()]
        return float(np.ptp(ratios)) if ratios else 0.0


def with_new_weights(network: Network, kept: Mapping[str, Units], seed: int) -> Proposal:
    """Propose a network with only the ``kept`` units of each group, its weights drawn anew."""
    return Proposal(counts_of(kept), drawn_anew(network, keep_units(network, kept), seed), kept, untrained=True)


def drawn_anew(trained: Network, pruned: Network, seed: int) -> Network:
    """Return the ``pruned`` network with new weights on the scale of the ``trained`` one's."""
    rng = np.random.default_rng(seed)
    old = {projection.name: projection.ops for projection in trained.projections}
    projections = tuple(
        replace(p, ops=tuple(_drawn(*ops, rng) for ops in zip(old[p.name], p.ops, strict=True)))
        for p in pruned.projections
    )
    return replace(pruned, projections=projections)


def _drawn(old: LinearOp, op: LinearOp, rng: np.random.Generator) -> LinearOp:
    if not isinstance(op, Conv2d | Linear) or not isinstance(old, Conv2d | Linear):
        return op
    existing = old.weight[old.weight != 0]
    if not len(existing):
        return op
    std = np.sqrt(np.mean(existing**2) * old.weight[0].size / op.weight[0].size)
    weight = rng.normal(0.0, std, op.weight.shape) * (op.weight != 0)
    bias = None if op.bias is None else np.zeros_like(op.bias)
    return replace(op, weight=weight.astype(np.float32), bias=bias)
