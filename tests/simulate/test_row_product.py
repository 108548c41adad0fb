"""Rows times a matrix in kernels: the products of numpy, of integers and of floats, whatever is left out of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit

from spear_deploy.simulate.row_product import ROWS, add_products, nonzero_columns, padded


@njit
def product(rows, matrix, size):  # type: ignore[no-untyped-def]
    """Return ``rows @ matrix`` by the columns of rows that are not all zero, and how many there are."""
    sums, chosen = np.zeros_like(rows), np.empty(size + 1, np.intp)
    count = nonzero_columns(rows, size, chosen)
    add_products(sums, rows, matrix, chosen, count)
    return sums, count


@pytest.mark.parametrize("kind", [np.float32, np.int32])
@settings(max_examples=40, deadline=None)
@given(size=st.integers(1, 70), rate=st.sampled_from([0.0, 0.1, 1.0]), seed=st.integers(0, 2**32 - 1))
def test_products_are_numpys(kind, size, rate, seed):
    """Integers that floats hold exactly; widths that end within a vector, at its end and behind two."""
    rng = np.random.default_rng(seed)
    rows = (rng.integers(-8, 9, (ROWS, size)) * (rng.random((ROWS, size)) < rate)).astype(kind)
    matrix = rng.integers(-128, 128, (size, size)).astype(kind)
    sums, count = product(padded(rows), padded(matrix), size)
    np.testing.assert_array_equal(sums[:, :size], rows @ matrix)
    assert not sums[:, size:].any()
    assert count == np.any(rows != 0, axis=0).sum()


def test_a_row_has_the_same_sums_whatever_the_others_are():
    """To the last bit: how samples are put together changes nothing."""
    rng = np.random.default_rng(0)
    rows, matrix = rng.normal(size=(ROWS, 50)), rng.normal(size=(50, 50)).astype(np.float32)
    rows = padded((rows * (rng.random(rows.shape) < 0.3)).astype(np.float32))
    together, _ = product(rows, padded(matrix), 50)
    for row in range(ROWS):
        alone = np.zeros_like(rows)
        alone[0] = rows[row]
        np.testing.assert_array_equal(product(alone, padded(matrix), 50)[0][0], together[row])
