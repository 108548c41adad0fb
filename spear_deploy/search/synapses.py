"""Single weights: the SynOps of each, and networks that keep those with the highest scores.

A weight costs the spikes that pass through it: those of its source neuron, summed over the positions of a convolution
(and the windows of a pooling before it).  That is exact if only the last operation of a projection has weights and
pooling windows are disjoint; otherwise several weights form one synapse, and the number to keep is found by bisection
on the fan-out of the pruned network itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from spear_deploy.data import Split
from spear_deploy.execution import Execution
from spear_deploy.network import AvgPool2d, Conv2d, Linear, LinearOp, Network, Projection, Scale, SumPool2d
from spear_deploy.network.fan_out import fan_outs
from spear_deploy.search.cost import mean_spikes
from spear_deploy.simulate.simulator import Chain

Array: TypeAlias = NDArray[np.float64]
Weights: TypeAlias = NDArray[np.float32]
"""One number for each weight.  A search holds several such arrays at once, hence single precision."""
Place: TypeAlias = tuple[int, int]
"""An operation with weights: index of its projection, index within the chain of operations."""
Scores: TypeAlias = Mapping[Place, NDArray[np.floating[Any]]]
"""The worth of each weight, in the shape of the weights, by operation."""

SAMPLES = 1024
"""Training samples on which spikes are counted by methods that do so once."""
_LEAST_USE = 0.98
_HALVINGS = 16


@dataclass(frozen=True, eq=False)
class SynapseCosts:
    """The costs of the weights of a ``network``; ``spikes`` per sample of each neuron, (neurons,) by population."""

    network: Network
    spikes: Mapping[str, Array]

    @classmethod
    def of(cls, network: Network, split: Split, execution: Execution) -> SynapseCosts:
        """Measure the spikes of a network on a split."""
        return cls(network, mean_spikes(network, split, execution))

    @cached_property
    def synops(self) -> float:
        """SynOps per sample."""
        return self._synops(self.network)

    @cached_property
    def floor(self) -> float:
        """SynOps a sample that the inputs' spikes cost if each operation has but the cheapest of its weights."""
        inputs, weights, total = {port.name for port in self.network.inputs}, weights_of(self.network), 0.0
        operations = Counter(index for index, _ in weights)
        for (index, position), weight in weights.items():
            projection = self.network.projections[index]
            # Of several operations in a row the weights that are left may not meet: they may cost nothing.
            if projection.source in inputs and operations[index] == 1 and weight.any():
                total += float(self._costs(projection, position)[weight != 0].min())
        return total

    def share(self, network: Network) -> float:
        """Return the SynOps of a network with fewer synapses as a share of this one's, at the same firing rates."""
        return self._synops(network) / max(self.synops, 1e-12)

    def _synops(self, network: Network) -> float:
        fans = fan_outs(network.synapses, network.shapes)
        return float(sum(self.spikes[fan.source] @ fan.nonzero for fan in fans if fan.source in self.spikes))

    def costs(self) -> dict[Place, Weights]:
        """Return the SynOps per sample of each weight, in the shape of the weights, by operation."""
        found = {}
        for (index, position), weight in weights_of(self.network).items():
            projection = self.network.projections[index]
            if projection.source in self.spikes:
                found[index, position] = self._costs(projection, position)
            else:  # a readout sends no spikes
                found[index, position] = np.zeros(weight.shape, np.float32)
        return found

    def _costs(self, projection: Projection, position: int) -> Weights:
        shape = self.network[projection.source].shape
        x = torch.tensor(self.spikes[projection.source].reshape(1, 1, *shape), dtype=torch.float32)
        op = projection.ops[position]
        assert isinstance(op, Conv2d | Linear)
        counted = Chain((replace(op, weight=np.ones_like(op.weight), bias=None),))
        counted(Chain(tuple(map(_counting, projection.ops[:position])))(x).detach()).sum().backward()
        gradient = counted.weights["weight0"].grad
        assert gradient is not None
        return np.where(op.weight != 0, gradient.numpy(), np.float32(0))

    def kept(self, scores: Scores, aim: float) -> dict[Place, NDArray[np.bool_]]:
        """Return masks of the synapses with the highest scores within ``aim``, a share of all SynOps.

        The best weight of each operation is always kept, so that no operation consists of zeros alone.
        """
        ranked = _Ranked.of(weights_of(self.network), scores, self.costs())
        masks = ranked.within(aim)
        if _LEAST_USE * aim <= self.share(masked(self.network, masks)) <= aim:
            return masks
        low, high = 0.0, 1.0
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            is_within = self.share(masked(self.network, ranked.first(middle))) <= aim
            low, high = (middle, high) if is_within else (low, middle)
        return ranked.first(low)


@dataclass(frozen=True, eq=False)
class _Ranked:
    """All weights of a network in one row: ``order`` by falling score, and their ``costs`` in that order."""

    existing: Mapping[Place, NDArray[np.bool_]]
    order: NDArray[np.intp]
    costs: Weights
    best: int

    @classmethod
    def of(cls, weights: Mapping[Place, Weights], scores: Scores, costs: Mapping[Place, Weights]) -> _Ranked:
        existing = {place: weight != 0 for place, weight in weights.items()}
        flat = []
        for place, exists in existing.items():
            score = np.where(exists, scores[place].astype(np.float32, copy=False), np.float32(-np.inf)).ravel()
            if exists.any():
                score[np.argmax(score)] = np.inf
            flat.append(score)
        score = np.concatenate(flat) if flat else np.zeros(0, np.float32)
        order = np.argsort(-score, kind="stable")[: int(np.sum(score > -np.inf))]
        every = np.concatenate([costs[place].ravel() for place in existing]) if flat else np.zeros(0, np.float32)
        return cls(existing, order, every[order], int(np.sum(score == np.inf)))

    def within(self, aim: float) -> dict[Place, NDArray[np.bool_]]:
        """Return masks of the first weights whose costs add up to at most the share ``aim``."""
        spent = np.cumsum(self.costs, dtype=np.float64)
        room = aim * spent[-1] * (1 + 1e-12) if len(spent) else 0.0
        return self._masks(int(np.searchsorted(spent, room, side="right")))

    def first(self, part: float) -> dict[Place, NDArray[np.bool_]]:
        """Return masks of the first ``part`` (0..1) of the weights."""
        return self._masks(int(part * len(self.order)))

    def _masks(self, count: int) -> dict[Place, NDArray[np.bool_]]:
        masks, start = {}, 0
        chosen = np.zeros(sum(exists.size for exists in self.existing.values()), bool)
        chosen[self.order[: max(count, self.best)]] = True
        for place, exists in self.existing.items():
            masks[place] = chosen[start : start + exists.size].reshape(exists.shape)
            start += exists.size
        return masks


def weights_of(network: Network) -> dict[Place, Weights]:
    """Return the weights of every operation that has weights, not copied."""
    return {
        (index, position): op.weight
        for index, projection in enumerate(network.projections)
        for position, op in enumerate(projection.ops)
        if isinstance(op, Conv2d | Linear)
    }


def parameter_names(network: Network) -> dict[Place, str]:
    """Return, for every operation with weights, the name of that parameter in a simulator."""
    return {(index, position): f"synapses.{index}.weights.weight{position}" for index, position in weights_of(network)}


def with_weights(network: Network, weights: Mapping[Place, Weights]) -> Network:
    """Return the network with other weights."""

    def changed(place: Place, op: LinearOp) -> LinearOp:
        if place not in weights or not isinstance(op, Conv2d | Linear):
            return op
        return replace(op, weight=weights[place].astype(np.float32, copy=False))

    projections = tuple(
        replace(p, ops=tuple(changed((index, position), op) for position, op in enumerate(p.ops)))
        for index, p in enumerate(network.projections)
    )
    # As after removing units: what is left was not trained on integers, even if the whole was.
    populations = tuple(replace(p, resolution=None) for p in network.populations)
    return replace(network, populations=populations, projections=projections)


def masked(network: Network, masks: Mapping[Place, NDArray[np.bool_]]) -> Network:
    """Return the network with all weights outside the masks set to 0."""
    return with_weights(network, {place: w * masks[place] for place, w in weights_of(network).items()})


def has_gaps(network: Network) -> bool:
    """Whether single weights are missing: some operation has zeros beside other weights."""
    return any(0 < np.count_nonzero(weight) < weight.size for weight in weights_of(network).values())


def scales_of(network: Network) -> dict[Place, np.float32]:
    """Return the root mean square of each operation's nonzero weights; 1 if there are none."""
    found = {}
    for place, weight in weights_of(network).items():
        existing = weight[weight != 0]
        found[place] = np.float32(np.sqrt(np.mean(existing**2, dtype=np.float64)) if len(existing) else 1.0)
    return found


def magnitudes(network: Network) -> dict[Place, NDArray[np.floating[Any]]]:
    """Return the magnitude of each weight, relative to the root mean square of its operation's weights."""
    scales = scales_of(network)
    return {place: np.abs(weight) / scales[place] for place, weight in weights_of(network).items()}


def density(network: Network, masks: Mapping[Place, NDArray[np.bool_]]) -> float:
    """Return the share of a network's nonzero weights that is kept."""
    total = sum(int(np.count_nonzero(weight)) for weight in weights_of(network).values())
    return sum(int(mask.sum()) for mask in masks.values()) / max(1, total)


def _counting(op: LinearOp) -> LinearOp:
    """Return the operation with weights of 1: it counts the spikes that pass instead of weighting them."""
    match op:
        case AvgPool2d():
            return SumPool2d(op.kernel, op.stride, op.padding)
        case Scale():
            return replace(op, factor=(op.factor != 0).astype(np.float32))
        case Conv2d() | Linear():
            return replace(op, weight=(op.weight != 0).astype(np.float32), bias=None)
        case _:
            return op
