"""LRE: the line from SynOps before to SynOps after fine-tuning, its interval, and its honest error."""

from __future__ import annotations

from math import inf

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from spear_deploy.search.lre import Pair, fit, held_out_mape


def noisy(count: int, noise: float = 0.02, seed: int = 0) -> list[Pair]:
    """Pairs around post = 0.8 pre + 0.1."""
    rng = np.random.default_rng(seed)
    pre = rng.uniform(0.1, 1.0, count)
    return [Pair(float(x), float(0.8 * x + 0.1 + rng.normal(0, noise))) for x in pre]


@given(st.floats(-3, 3), st.floats(-1, 1), st.lists(st.floats(0, 1), min_size=3, max_size=20, unique=True))
def test_a_known_line_is_recovered(slope: float, intercept: float, pre: list[float]) -> None:
    """Points on a line give that line back, with no residual and no interval."""
    if max(pre) - min(pre) < 0.1:
        pre = [*pre, max(pre) + 0.5]
    line = fit([Pair(x, slope * x + intercept) for x in pre])
    assert (line.slope, line.intercept) == pytest.approx((slope, intercept), abs=1e-9)
    assert line.half_width(0.5) < 1e-8
    assert line.predict(0.5) == pytest.approx(max(0.0, slope * 0.5 + intercept), abs=1e-9)


def test_fit_agrees_with_scipy() -> None:
    """Slope and intercept are those of ordinary least squares, the interval that of a new observation."""
    pairs = noisy(12)
    line = fit(pairs)
    pre, post = np.array([p.pre for p in pairs]), np.array([p.post for p in pairs])
    expected = stats.linregress(pre, post)
    assert (line.slope, line.intercept) == pytest.approx((expected.slope, expected.intercept))
    deviation = np.sqrt(np.sum((post - expected.slope * pre - expected.intercept) ** 2) / 10)
    spread = np.sqrt(1 + 1 / 12 + (0.3 - pre.mean()) ** 2 / np.sum((pre - pre.mean()) ** 2))
    assert line.half_width(0.3, 0.9) == pytest.approx(stats.t.ppf(0.95, 10) * deviation * spread)


def test_interval_shrinks_with_samples() -> None:
    """More samples of the same noise make the interval narrower, on average over draws."""
    widths = [np.mean([fit(noisy(count, seed=seed)).half_width(0.5) for seed in range(40)]) for count in (4, 8, 16, 64)]
    assert widths == sorted(widths, reverse=True)
    assert widths[-1] > 1.645 * 0.02, "a new sample's own noise remains"


def test_interval_covers_new_samples_as_often_as_it_says() -> None:
    """Of new samples about 90 % lie within the 90 % interval."""
    inside = [
        abs(fit(pairs[:-1]).predict(pairs[-1].pre) - pairs[-1].post) <= fit(pairs[:-1]).half_width(pairs[-1].pre)
        for pairs in (noisy(9, seed=seed) for seed in range(400))
    ]
    assert 0.85 < np.mean(inside) < 0.95


@pytest.mark.parametrize("pairs", [[], [Pair(0.5, 0.6)], [Pair(0.5, 0.6), Pair(0.5, 0.7)], [Pair(0.5, 0.6)] * 5])
def test_without_distinct_samples_nothing_changes(pairs: list[Pair]) -> None:
    """With nothing to fit, fine-tuning is assumed to change nothing, and the interval is infinite."""
    line = fit(pairs)
    assert line.predict(0.4) == 0.4
    assert line.inverse(0.4) == 0.4
    assert line.half_width(0.4) == inf


def test_two_samples_have_no_interval() -> None:
    """Two samples define a line but say nothing about its error."""
    line = fit([Pair(0.2, 0.3), Pair(0.6, 0.5)])
    assert line.predict(0.4) == pytest.approx(0.4)
    assert line.half_width(0.4) == inf


@given(st.floats(0.05, 2), st.floats(-0.2, 0.2), st.floats(0.3, 1))
def test_inverse_undoes_the_prediction(slope: float, intercept: float, pre: float) -> None:
    """The share before fine-tuning that leads to a prediction is the one that was predicted from."""
    line = fit([Pair(x, slope * x + intercept) for x in (0.0, 0.5, 1.0)])
    if line.predict(pre) > 0:
        assert line.inverse(line.predict(pre)) == pytest.approx(pre, abs=1e-6)


def test_prediction_is_never_negative() -> None:
    """A line that crosses zero predicts 0 below it: there are no negative SynOps."""
    assert fit([Pair(0.5, 0.1), Pair(1.0, 0.6)]).predict(0.1) == 0.0


def test_held_out_error_by_hand() -> None:
    """Each pair is predicted from those before it alone; the first ones only serve to fit."""
    pairs = [Pair(0.0, 0.0), Pair(1.0, 1.0), Pair(0.5, 0.5), Pair(0.2, 0.4), Pair(0.8, 0.8)]
    # the fourth: the line through the first three is post = pre, which predicts 0.2 instead of 0.4
    fourth = abs(0.2 - 0.4) / 0.4
    # the fifth: least squares over four points
    slope = np.polyfit([0, 1, 0.5, 0.2], [0, 1, 0.5, 0.4], 1)
    fifth = abs(np.polyval(slope, 0.8) - 0.8) / 0.8
    assert held_out_mape(pairs) == pytest.approx((fourth + fifth) / 2)
    assert held_out_mape(pairs[:4]) == pytest.approx(fourth)


def test_held_out_error_ignores_the_future() -> None:
    """A later pair does not change the errors of earlier ones."""
    pairs = noisy(8)
    errors = [held_out_mape(pairs[:count]) * (count - 3) for count in range(4, 9)]
    assert np.all(np.diff(errors) >= 0)
    outlier = [*pairs, Pair(0.5, 50.0)]
    assert held_out_mape(outlier) * 6 - held_out_mape(pairs) * 5 == pytest.approx(
        abs(fit(pairs).predict(0.5) - 50) / 50
    )


@pytest.mark.parametrize("count", [0, 1, 3])
def test_held_out_error_needs_a_pair_to_predict(count: int) -> None:
    """With no pair left after fitting there is no error to report."""
    assert held_out_mape(noisy(count)) is None
