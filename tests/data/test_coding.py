"""Values as input over time."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from spear_deploy.data.coding import constant, regular_rate

VALUES = arrays.arrays(np.float32, (4, 3), elements=st.floats(0, 1, width=32))


@given(VALUES, st.integers(1, 64))
def test_regular_rate_fires_round_of_value_times_steps(values: np.ndarray, steps: int) -> None:
    """A value x in 0..1 fires exactly round(x * T) times (halves up), with spikes of 0 or 1."""
    spikes = regular_rate(values, steps)
    assert spikes.shape == (steps, 4, 3)
    assert spikes.dtype == np.uint8
    assert spikes.max(initial=0) <= 1
    np.testing.assert_array_equal(spikes.sum(axis=0), np.floor(values.astype(np.float64) * steps + 0.5))


@given(VALUES, st.integers(1, 64))
def test_regular_rate_is_even(values: np.ndarray, steps: int) -> None:
    """At every step the spikes so far are within half a spike of x * t: no bursts, no gaps."""
    so_far = regular_rate(values, steps).cumsum(axis=0, dtype=np.int64)
    time = np.arange(1, steps + 1).reshape(-1, 1, 1)
    assert np.all(np.abs(so_far - values.astype(np.float64) * time) <= 0.5 + 1e-9)


def test_grey_levels_of_the_digits() -> None:
    """Grey level k of 16 fires k times in 16 steps."""
    spikes = regular_rate(np.arange(17).reshape(1, 17) / 16, 16)
    assert spikes.sum(axis=0).tolist() == [list(range(17))]


@given(VALUES, st.integers(1, 8))
def test_constant_holds_values_without_copying(values: np.ndarray, steps: int) -> None:
    """Direct encoding repeats the values in every step as a view, which later stages recognise by its stride."""
    held = constant(values, steps)
    assert held.shape == (steps, 4, 3)
    assert held.strides[0] == 0
    np.testing.assert_array_equal(held, np.stack([values] * steps))
