"""Recalibration: currents get back their means and deviations, and nothing else changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from spear_deploy.data import Dataset, Split
from spear_deploy.data.samples import ValueSamples
from spear_deploy.execution import Execution
from spear_deploy.network import Network, Projection
from spear_deploy.network.units import Units, keep_units, unit_groups
from spear_deploy.search.loss import mean_loss
from spear_deploy.search.recalibration import recalibrate, recalibrated
from spear_deploy.search.synapses import masked, weights_of
from spear_deploy.simulate.simulator import FloatSimulator
from tests.bounded import running_together
from tests.strategies import networks

SEEDS = st.integers(0, 2**16)


def samples_for(network: Network, seed: int = 0, count: int = 24) -> Split:
    rng = np.random.default_rng(seed)
    (port,) = network.inputs
    x = rng.random((count, *port.shape), np.float32)
    classes = network[network.outputs[0]].size
    return Split(ValueSamples(x, 6), rng.integers(0, classes, count), np.arange(count))


def some_units(network: Network, rng: np.random.Generator) -> dict[str, Units]:
    groups = unit_groups(network).groups
    return {g.name: np.sort(rng.permutation(g.units)[: int(rng.integers(1, g.units + 1))]) for g in groups}


def thinned(network: Network, rng: np.random.Generator) -> Network:
    masks = {place: rng.random(weight.shape) < 0.7 for place, weight in weights_of(network).items()}
    return masked(network, masks)


@torch.no_grad()
def currents(network: Network, split: Split) -> dict[str, np.ndarray]:
    """What arrives at each population, (units, all else), biases included, as the network runs."""
    simulator = FloatSimulator(network)
    x, _ = split.batch(np.arange(len(split)))
    known = {network.inputs[0].name: torch.from_numpy(np.array(x, np.float32))}
    known |= simulator(known)
    found = {p.name: simulator.arriving(p.name, known) for p in network.neurons}
    return {name: each.transpose(0, 2).flatten(1).numpy() for name, each in found.items()}


def has_bias_last(network: Network, name: str) -> bool:
    last = [p.ops[-1] for p in network.into(name) if p.ops]
    return any(getattr(op, "bias", None) is not None for op in last)


def is_weighed(network: Network, name: str) -> bool:
    return all(p.ops and hasattr(p.ops[-1], "weight") for p in network.into(name))


def rows_of(network: Network, kept: Mapping[str, Units], name: str) -> Units:
    group = next((g for g in unit_groups(network).groups if name in g.populations), None)
    units = network[name].shape[0]
    return kept[group.name] if group is not None and group.name in kept else np.arange(units)


@given(networks(), SEEDS)
@settings(deadline=None)
def test_currents_are_as_before(network: Network, seed: int) -> None:
    """Each unit's current has the mean of before, and its deviation where a gain of up to 4 gives it."""
    rng = np.random.default_rng(seed)
    kept, split = some_units(network, rng), samples_for(network, seed)
    cut = thinned(keep_units(network, kept), rng)
    found = recalibrate(network, cut, kept, split)
    wanted, had, has = currents(network, split), currents(cut, split), currents(found, split)
    for population in cut.neurons:
        name = population.name
        if not has_bias_last(cut, name):
            continue
        before, after = wanted[name][rows_of(network, kept, name)], has[name]
        size = 1e-4 * (1 + np.abs(before).max() + np.abs(after).max())
        np.testing.assert_allclose(after.mean(1), before.mean(1), atol=size)
        is_first = all(p.source == network.inputs[0].name for p in cut.into(name))
        if is_first and is_weighed(
            cut, name
        ):  # behind it, what arrives before a correction is no longer what the cut network gave
            ratio = before.std(1) / np.maximum(had[name].std(1), 1e-12)
            free = (ratio > 0.25) & (ratio < 4) & (had[name].std(1) > 1e-5) & (before.std(1) > 1e-5)
            np.testing.assert_allclose(after.std(1)[free], before.std(1)[free], atol=size)


@given(networks(timed=True), SEEDS)
@settings(deadline=None)
def test_what_is_whole_stays_as_it_is(network: Network, seed: int) -> None:
    """Of a network that lost nothing every bit stays, loops, delays and what is held over steps included."""
    found = recalibrate(network, network, {}, samples_for(network, seed))
    for before, after in zip(network.projections, found.projections, strict=True):
        for one, other in zip(before.ops, after.ops, strict=True):
            np.testing.assert_array_equal(getattr(one, "weight", 0), getattr(other, "weight", 0))
            mine, theirs = (getattr(op, "bias", None) for op in (one, other))
            assert (mine is None) == (theirs is None)
            if mine is not None:
                np.testing.assert_allclose(theirs, mine, atol=1e-6)


@given(networks(timed=True), SEEDS)
@settings(deadline=None)
def test_structure_stays(network: Network, seed: int) -> None:
    """No synapse comes or goes, populations without a bias keep their weights, and numbers stay numbers."""
    rng = np.random.default_rng(seed)
    kept = some_units(network, rng)
    cut = thinned(keep_units(network, kept), rng)
    found = recalibrate(network, cut, kept, samples_for(network, seed))
    assert found.populations == cut.populations
    assert found.shapes == cut.shapes
    for place, weight in weights_of(found).items():
        before = weights_of(cut)[place]
        np.testing.assert_array_equal(weight != 0, before != 0)
        assert np.isfinite(weight).all()
        assert weight.dtype == before.dtype
        if not has_bias_last(cut, cut.projections[place[0]].target):
            np.testing.assert_array_equal(weight, before)


def with_biases(network: Network) -> Network:
    """The network, of one operation a projection, with biases of zero."""
    ops = [replace(p.ops[0], bias=np.zeros(len(p.ops[0].weight), np.float32)) for p in network.projections]
    projections = (replace(p, ops=(op,)) for p, op in zip(network.projections, ops, strict=True))
    return replace(network, projections=tuple(projections))


def in_units(network: Network, unit: float) -> Network:
    """The network with currents into its neurons told in another unit, which their gains take back."""

    def told(projection: Projection) -> Projection:
        op = projection.ops[0]
        return replace(projection, ops=(replace(op, weight=op.weight * unit, bias=op.bias * unit),))

    neurons = [replace(p.neuron, gain=p.neuron.gain / np.float32(unit)) for p in network.neurons]
    populations = (replace(p, neuron=neuron) for p, neuron in zip(network.neurons, neurons, strict=True))
    projections = tuple(told(each) for each in network.projections)
    return replace(network, populations=(*network.inputs, *populations), projections=projections)


@pytest.mark.parametrize("power", [-40, -20, 20, 40])
def test_currents_may_be_in_any_unit(power: int, tiny_network: Network, tiny_data: Dataset) -> None:
    """Currents of billionths, amperes say, get back theirs bit for bit as those of about one do."""
    biased, unit, rng = with_biases(tiny_network), np.float32(2.0**power), np.random.default_rng(3)
    masks = {place: rng.random(weight.shape) < 0.6 for place, weight in weights_of(biased).items()}
    one, other = (
        recalibrate(network, masked(network, masks), {}, tiny_data.train)
        for network in (biased, in_units(biased, unit))
    )
    assert one.content_hash != masked(biased, masks).content_hash
    assert in_units(one, unit).content_hash == other.content_hash


def test_what_is_better_is_taken(tiny_network: Network, tiny_data: Dataset) -> None:
    """With biases the recalibrated network has less loss, and is taken; where it had more, the cut one would be."""
    biased = with_biases(tiny_network)
    rng = np.random.default_rng(3)
    cut = masked(biased, {place: rng.random(weight.shape) < 0.6 for place, weight in weights_of(biased).items()})
    execution = Execution()
    again = recalibrate(biased, cut, {}, tiny_data.train)
    losses = [mean_loss(each, tiny_data.val, execution, None) for each in (cut, again)]
    taken = recalibrated(biased, cut, {}, tiny_data, execution)
    assert mean_loss(taken, tiny_data.val, execution, None) == min(losses)
    assert losses[1] < losses[0]


def test_few_samples_where_memory_holds_few(tiny_network: Network, tiny_data: Dataset) -> None:
    """It is bounded by what the activity of both networks takes; one sample is taken at least."""
    rng = np.random.default_rng(0)
    cut = thinned(tiny_network, rng)
    bound = running_together(tiny_network, tiny_data.steps, 1)
    assert recalibrate(tiny_network, cut, {}, tiny_data.train, bound).shapes == cut.shapes


@pytest.mark.parametrize("seed", range(3))
def test_it_repeats_itself(seed: int, tiny_network: Network, tiny_data: Dataset) -> None:
    """The same samples give the same bits."""
    cut = thinned(tiny_network, np.random.default_rng(seed))
    one, other = (recalibrate(tiny_network, cut, {}, tiny_data.train).content_hash for _ in range(2))
    assert one == other
