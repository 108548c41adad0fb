"""The per-neuron parameters as a whole."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import generators, neuron


@given(generators(), st.sets(st.integers(0, 4), min_size=1))
def test_take_slices_every_array_along_the_units(rng, units):
    """Units are taken from all parameters alike; the kind of the neuron stays."""
    whole = replace(neuron(rng, (5, 2, 3), current=True), compare="ge", reset_delay=True)
    kept = np.array(sorted(units))
    taken = whole.take(kept)
    assert set(taken.arrays()) == {"alpha", "beta", "gain", "bias", "reset_value", "threshold"}
    for name, array in taken.arrays().items():
        np.testing.assert_array_equal(array, whole.arrays()[name][kept])
    assert (taken.compare, taken.reset_delay, taken.reset) == ("ge", True, "value")


def test_readout_and_current_are_recognised():
    """No threshold is a readout; any alpha that is not zero is a synaptic current."""
    rng = np.random.default_rng(0)
    plain, other = neuron(rng, (4,)), neuron(rng, (4,), current=True, readout=True)
    assert (plain.is_readout, plain.has_current) == (False, False)
    assert (other.is_readout, other.has_current) == (True, True)
    assert "threshold" not in other.arrays()


@pytest.mark.parametrize(
    "changed", [{"compare": "ge"}, {"floor": -1.0}, {"threshold": None}, {"start_value": np.ones(4, np.float32)}]
)
def test_neurons_are_alike_that_compute_the_same(changed):
    """Equal parameters in other arrays are alike; any field that differs makes them others."""
    plain = neuron(np.random.default_rng(0), (4,))
    copied = {name: value.copy() for name, value in plain.arrays().items()}
    assert plain.is_alike(replace(plain, **copied))
    assert not plain.is_alike(replace(plain, **changed))
    assert not replace(plain, **changed).is_alike(plain)
