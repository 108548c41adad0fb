"""Cost model: the SynOps of each unit, and of a network that keeps some of the units.

A projection's SynOps are, for a source unit u and a target unit v, the spikes of u times the synapses that lead from
it to v: ``spikes[u] * fan_out[u] * share[v]``, where ``share`` is the part of the projection's synapses that end in v.
Summed over the units kept at either end, this gives the SynOps of a pruned network *at unchanged firing rates*; how
pruning and fine-tuning change the rates is learnt by LRE.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spear_deploy.data import Split
from spear_deploy.execution import Execution
from spear_deploy.measure.runs import FloatRun
from spear_deploy.network import Network
from spear_deploy.network.fan_out import fan_outs
from spear_deploy.network.units import UnitGroups, Units

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Term:
    """SynOps per sample of one projection: ``sent`` by each source unit, ``share`` received by each target unit.

    ``source`` and ``target`` are the groups at its ends; None, with one entry, where nothing can be removed.
    """

    source: str | None
    target: str | None
    sent: Array
    share: Array


@dataclass(frozen=True, eq=False)
class SynopsCost:
    """The SynOps of a network as a function of the units that it keeps, at the unpruned network's firing rates."""

    terms: tuple[Term, ...]
    units: Mapping[str, int]

    @property
    def total(self) -> float:
        """SynOps per sample of the whole network."""
        return sum(float(term.sent.sum() * term.share.sum()) for term in self.terms)

    def of(self, kept: Mapping[str, Units]) -> float:
        """Return the SynOps per sample of a network that keeps these units of each group."""
        return sum(_kept(term.sent, term.source, kept) * _kept(term.share, term.target, kept) for term in self.terms)

    def share_of(self, kept: Mapping[str, Units]) -> float:
        """Return the SynOps of the kept units as a share of all; 0 where nothing is spent."""
        total = self.total
        return self.of(kept) / total if total else 0.0

    def saved(self, kept: Mapping[str, Units]) -> dict[str, Array]:
        """Return the SynOps saved by removing each unit alone from the kept ones, (units,) per group."""
        saved = {name: np.zeros(count) for name, count in self.units.items()}
        for term in self.terms:
            sent, share = _kept(term.sent, term.source, kept), _kept(term.share, term.target, kept)
            if term.source is not None:
                saved[term.source] += term.sent * share
            if term.target is not None:
                saved[term.target] += term.share * sent
            if term.source is not None and term.source == term.target:
                saved[term.source] -= term.sent * term.share  # a unit's synapses to itself are counted once
        return saved


def _kept(values: Array, group: str | None, kept: Mapping[str, Units]) -> float:
    return float(values.sum() if group is None or group not in kept else values[kept[group]].sum())


def synops_cost(network: Network, groups: UnitGroups, split: Split, execution: Execution | None = None) -> SynopsCost:
    """Measure the cost model on the spikes of the float network on a split."""
    spikes = mean_spikes(network, split, execution)
    units = {group.name: group.units for group in groups.groups}
    member = {name: group.name for group in groups.groups for name in group.populations}
    terms = []
    for synapses, fan in zip(network.synapses, fan_outs(network.synapses, network.shapes), strict=True):
        if fan.source not in spikes:  # a readout sends no spikes
            continue
        source, target = member.get(fan.source), member.get(fan.target)
        sent = _by_unit(spikes[fan.source] * fan.nonzero, source, units)
        ends = np.count_nonzero(synapses.weight.reshape(len(synapses.weight), -1), axis=1).astype(np.float64)
        share = _by_unit(ends / max(1.0, ends.sum()), target, units)
        terms.append(Term(source, target, sent, share))
    return SynopsCost(tuple(terms), units)


def mean_spikes(network: Network, split: Split, execution: Execution | None = None) -> dict[str, Array]:
    """Return the spikes per sample of each neuron of each spiking population, (neurons,), inputs included."""
    run, total = FloatRun(network, execution), dict[str, Array]()
    counted = {p.name for p in network.neurons if p.neuron.spikes == "integer"}
    for x, _ in split.batches(run.together(split.samples.steps)):
        for name, sent in run(x).spikes.items():
            flat = sent.reshape(*sent.shape[:2], -1)
            events = flat if name in counted else flat != 0
            total[name] = total.get(name, 0.0) + events.sum(axis=(0, 1), dtype=np.float64)
    return {name: values / len(split) for name, values in total.items()}


def _by_unit(values: Array, group: str | None, units: Mapping[str, int]) -> Array:
    """Sum values of neurons, or of the rows of a matrix, by the unit that they belong to."""
    rows: Array = values.reshape(1 if group is None else units[group], -1).sum(axis=1)
    return rows
