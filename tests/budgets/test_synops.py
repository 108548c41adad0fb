"""The bounds of SynOps on samples not seen: beside independent formulas, and how often they hold."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from spear_deploy.budgets.synops import MEAN, P95


def activity(total: Any) -> Any:
    total = np.asarray(total)
    return SimpleNamespace(total=total, mean_synops=float(total.mean()))


def test_the_mean_s_bound_is_that_of_a_one_sided_t_test() -> None:
    """The mean that a one-sample t-test just does not reject."""
    total = np.random.default_rng(0).gamma(3, 100, 50)
    assert MEAN.bound is not None
    bound = MEAN.bound(activity(total), 0.95)
    assert stats.ttest_1samp(total, bound, alternative="less").pvalue == pytest.approx(0.05)
    assert MEAN.bound(activity([7]), 0.95) == 7


@pytest.mark.parametrize(("resource", "true"), [(MEAN, 300.0), (P95, float(stats.gamma(3, scale=100).ppf(0.95)))])
def test_bounds_hold_as_often_as_they_say(resource: Any, true: float) -> None:
    """Of many draws of 200 samples, about 95 % of the bounds lie above what all samples would give, or more."""
    rng = np.random.default_rng(1)
    held = [resource.bound(activity(rng.gamma(3, 100, 200)), 0.95) >= true for _ in range(600)]
    assert 0.92 < np.mean(held) < 0.99


@given(st.lists(st.integers(0, 10**6), min_size=2, max_size=100), st.floats(0.5, 0.99), st.floats(0.5, 0.99))
def test_more_confidence_is_a_higher_bound(total: list[int], one: float, other: float) -> None:
    """And none lies below its value, but for rounding."""
    low, high = sorted((one, other))
    for resource in (MEAN, P95):
        assert resource.bound is not None
        assert resource.of_activity is not None
        assert resource.bound(activity(total), low) <= resource.bound(activity(total), high) + 1e-9
    assert MEAN.bound is not None
    assert MEAN.bound(activity(total), low) >= np.mean(total) - 1e-6
