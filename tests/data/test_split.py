"""Stratified draws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spear_deploy.data.split import TEST, VALIDATION, draw


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 6), min_size=2, max_size=80), st.integers(0, 3), st.data())
def test_a_draw_parts_the_pool_by_shares(labels: list[int], keep: int, data: st.DataObject) -> None:
    """Nothing is lost or doubled, and every class is in the draw with its share, to rounding and what has to stay."""
    y = np.array(labels)
    pool = np.flatnonzero(np.random.default_rng(0).random(len(y)) < 0.8)
    count = data.draw(st.integers(0, len(pool)))
    drawn, rest = draw(y, pool, count, 5, TEST, keep=keep)
    assert len(drawn) == count
    assert sorted([*drawn, *rest]) == pool.tolist()
    assert (np.sort(drawn) == drawn).all()
    assert (np.sort(rest) == rest).all()
    classes, sizes = np.unique(y[pool], return_counts=True)
    if np.maximum(sizes - keep, 0).sum() < count or len(classes) > count:
        return
    for each, size in zip(classes, sizes, strict=True):
        held, stays = int((y[drawn] == each).sum()), int((y[rest] == each).sum())
        assert held >= min(1, size - keep) or size <= keep
        assert stays >= min(keep, size)


def test_shares_are_exact_where_they_can_be() -> None:
    """A fifth of 50, 100 and 150 is 10, 20 and 30, in whatever order the labels come."""
    y = np.repeat([0, 1, 2], [50, 100, 150])
    for order in (np.arange(300), np.random.default_rng(0).permutation(300)):
        drawn, _ = draw(y[order], np.arange(300), 60, 0, TEST, keep=2)
        assert np.bincount(y[order][drawn]).tolist() == [10, 20, 30]


def test_seeds_and_streams() -> None:
    """The same seed draws the same; another seed or stream draws others."""
    y, pool = np.arange(200) % 4, np.arange(200)
    one, again, other, stream = (
        draw(y, pool, 40, seed, which, keep=1)[0].tolist()
        for seed, which in ((0, TEST), (0, TEST), (1, TEST), (0, VALIDATION))
    )
    assert one == again
    assert one not in (other, stream)


@pytest.mark.parametrize("period", [2, 4, 5, 10])
def test_labels_that_come_in_cycles(period: int) -> None:
    """Where every n-th sample is of the same class, all classes are drawn alike."""
    y = np.arange(200) % period
    drawn, _ = draw(y, np.arange(200), 40, 0, TEST, keep=2)
    assert set(np.bincount(y[drawn])) == {40 // period}
