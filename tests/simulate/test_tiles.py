"""Vectors of arrays in kernels: numpy's own sums, and lists of what is not zero."""

from __future__ import annotations

import numpy as np
import pytest
from numba import njit

from spear_deploy.simulate.tiles import add_scaled, append_nonzero, multiply_tile
from spear_deploy.simulate.vectors import LENGTH


@njit
def product(sums, factors, weights, counts):  # type: ignore[no-untyped-def]
    """Set three rows of sums to windows of factors, of two contiguous parts, by weights."""
    outer, inner = counts
    multiply_tile(3, sums, (1, LENGTH), factors, (2, 5, 20), weights, (4, inner * LENGTH, LENGTH), (outer, inner))


@pytest.mark.parametrize("counts", [(0, 3), (1, 1), (2, 6)])
def test_a_tile_is_a_product(counts):
    """Integers are exact; what is beside the tile stays."""
    rng = np.random.default_rng(0)
    factors, weights = (rng.integers(-9, 10, size).astype(np.float32) for size in (60, 4 + 2 * 6 * LENGTH))
    sums = np.full(3 * LENGTH + 2, 7, np.float32)
    product(sums, factors, weights, counts)
    rows = weights[4:][: counts[0] * counts[1] * LENGTH].reshape(*counts, LENGTH)
    windows = np.array(
        [[[factors[2 + 5 * r + 20 * o + i] for i in range(counts[1])] for o in range(counts[0])] for r in range(3)]
    )
    np.testing.assert_array_equal(
        sums[1:-1].reshape(3, LENGTH), np.einsum("roi,oil->rl", windows.reshape(3, *counts), rows)
    )
    assert sums[0] == sums[-1] == 7


@njit
def listed(values, first, skipped, places, factors, count):  # type: ignore[no-untyped-def]
    """Append what is not zero behind the first value."""
    return append_nonzero(values, 1, first, skipped, places, factors, count)


@pytest.mark.parametrize("rate", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("skipped", [0, 5, 15])
def test_what_is_not_zero_is_listed_in_order(rate, skipped):
    """With its number, behind what is there; NaN is not zero, negative zero is."""
    rng = np.random.default_rng(0)
    values = np.where(rng.random(LENGTH + 1) < rate, rng.normal(size=LENGTH + 1), -0.0).astype(np.float32)
    values[-1] = np.nan
    places, factors = np.full(40, -1, np.int32), np.zeros(40, np.float32)
    count = listed(values, 100, skipped, places, factors, 3)
    wanted = np.flatnonzero(values[1:])
    wanted = wanted[wanted >= skipped]
    np.testing.assert_array_equal(places[3:count], 100 + wanted)
    np.testing.assert_array_equal(factors[3:count], values[1:][wanted])
    assert (places[:3] == -1).all()


@njit
def added(sums, targets, more, sources, places, factors):  # type: ignore[no-untyped-def]
    """Add two vectors for each event."""
    add_scaled(2, sums, 3, targets, more, 1, sources, places, factors, len(places))


def test_events_add_runs():
    """Those that overlap too."""
    rng = np.random.default_rng(0)
    more, factors = rng.integers(-9, 10, 80).astype(np.float32), np.array([2, -1, 3], np.float32)
    targets, sources, places = np.array([0, 16, 5]), np.array([7, 0, 40]), np.array([2, 0, 2], np.int32)
    sums, wanted = np.zeros(60, np.float32), np.zeros(60, np.float32)
    added(sums, targets, more, sources, places, factors)
    for place, factor in zip(places, factors, strict=True):
        wanted[3 + targets[place] :][: 2 * LENGTH] += factor * more[1 + sources[place] :][: 2 * LENGTH]
    np.testing.assert_array_equal(sums, wanted)
