"""Samples for validation: quiet and busy ones alike."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spear_deploy.validate.samples import spread_over_activity

SYNOPS = st.lists(st.integers(0, 10**9), min_size=1, max_size=60).map(np.array)


@given(SYNOPS, st.integers(1, 80))
def test_positions_are_distinct_and_sorted(synops: np.ndarray, count: int) -> None:
    """As many positions as asked for, or all; each once, in order."""
    chosen = spread_over_activity(synops, count)
    assert len(chosen) == min(count, len(synops))
    assert chosen.tolist() == sorted(set(chosen.tolist()))
    assert set(chosen.tolist()) <= set(range(len(synops)))


@given(SYNOPS, st.integers(1, 20))
def test_one_sample_from_each_quantile(synops: np.ndarray, count: int) -> None:
    """Ranked by activity, each of ``count`` equal slices gives the sample in its middle."""
    if count < len(synops):
        ranks = np.argsort(np.argsort(synops, kind="stable"))[spread_over_activity(synops, count)]
        middles = (np.arange(count) + 0.5) * len(synops) / count
        assert np.all(np.abs(np.sort(ranks) + 0.5 - middles) <= 0.5)


def test_all_samples() -> None:
    """None means every sample."""
    assert spread_over_activity(np.array([5, 1, 3]), None).tolist() == [0, 1, 2]


def test_mean_over_the_chosen_is_close_to_the_mean_over_all() -> None:
    """The measured SynOps of the chosen samples stand for those of all samples."""
    synops = np.random.default_rng(0).gamma(2.0, 1000.0, 500).astype(np.int64)
    assert synops[spread_over_activity(synops, 32)].mean() == pytest.approx(synops.mean(), rel=0.03)


def test_a_single_sample_is_the_median() -> None:
    """One sample is neither the quietest nor the busiest."""
    assert spread_over_activity(np.array([10, 50, 20, 40, 30]), 1).tolist() == [4]
