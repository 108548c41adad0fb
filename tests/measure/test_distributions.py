"""Distributions of weights and membranes: percentiles of all values, in the network's units."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spear_deploy.measure import distributions as module
from spear_deploy.measure.distributions import Spread, measure_distributions
from spear_deploy.simulate.record import simulate
from spear_deploy.targets import InputRange, LoweringOptions, compiler_for, load_chip
from tests.measure.test_fidelity import random_split
from tests.strategies import generators, networks


@settings(max_examples=50, deadline=None)
@given(generators(), st.integers(1, 3))
def test_a_spread_is_that_of_the_magnitudes_beside_zero(rng, parts):
    """Whatever the signs, the shapes and the number of parts."""
    arrays = [rng.normal(size=(4, 5)) * (rng.random((4, 5)) < 0.7) for _ in range(parts)]
    every = np.abs(np.concatenate([array.ravel() for array in arrays]))
    nonzero = every[every > 0]
    found = Spread.of(arrays)
    assert [found.p1, found.p25, found.p50, found.p75, found.p99] == pytest.approx(
        [np.percentile(nonzero, q) for q in (1, 25, 50, 75, 99)]
    )
    assert (found.least, found.largest) == (nonzero.min(), nonzero.max())
    assert found.zeros == pytest.approx(np.mean(every == 0))


def test_nothing_but_zeros_has_no_spread():
    """Nor has nothing at all."""
    assert Spread.of([np.zeros(3)]) is None
    assert Spread.of([np.zeros(0)]) is None


def test_percentiles_of_many_values_are_of_some(monkeypatch):
    """The least and the largest are those of all."""
    monkeypatch.setattr(module, "_MOST_SORTED", 100)
    values = np.random.default_rng(0).permutation(np.arange(1, 10_001))
    found = Spread.of([values])
    assert (found.least, found.largest) == (1, 10_000)
    assert found.p50 == pytest.approx(5000, abs=1500)


@settings(max_examples=20, deadline=None)
@given(networks(), st.integers(0, 2**32 - 1))
def test_float_and_chip_are_in_one_unit(network, seed):
    """Chip weights are multiples of the step within the limit; float ones are the network's own."""
    compiler = compiler_for(load_chip("loihi2"), {p.name: InputRange() for p in network.inputs}, LoweringOptions())
    lowered = compiler.lower(network)
    split = random_split(np.random.default_rng(seed), network.inputs[0].shape)
    membrane = simulate(network, split.samples.batch(split.indices)).membrane
    for found in measure_distributions(network, lowered, split):
        incoming = [s.weight for s in network.synapses if s.target == found.name]
        assert found.weights.in_float == Spread.of(incoming)
        if found.weights.on_chip is not None:
            assert found.weights.step <= found.weights.on_chip.least * (1 + 1e-9)
            assert found.weights.on_chip.largest <= found.weights.limit * (1 + 1e-9)
        assert found.membranes.in_float == Spread.of(
            [membrane[found.name] - network[found.name].neuron.reset_value.astype(float)]
        )
        if found.membranes.on_chip is not None:
            assert found.membranes.on_chip.largest <= found.membranes.limit * (1 + 1e-9)


def test_large_networks_record_fewer_samples(monkeypatch, tiny_network, tiny_data):
    """Memory is bounded: as few as one sample."""
    compiler = compiler_for(load_chip("loihi2"), {"input": InputRange()}, LoweringOptions())
    lowered, asked = compiler.lower(tiny_network), []
    simulated = module.simulate
    monkeypatch.setattr(module, "simulate", lambda n, x, e: asked.append(x.shape[1]) or simulated(n, x, e))
    for values in (module._MOST_VALUES, 6 * 21 * 3, 1):
        monkeypatch.setattr(module, "_MOST_VALUES", values)
        assert measure_distributions(tiny_network, lowered, tiny_data.test)
    assert asked == [min(32, len(tiny_data.test)), 3, 1]
