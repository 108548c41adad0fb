"""LRE: what fine-tuning changes of the SynOps, its interval, its honest error, and the winner's curse."""

from __future__ import annotations

from math import exp, inf, isfinite, log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge

from spear_deploy.search.lre import Pair, fit

SHARES = st.floats(0.02, 1.0)
RATIOS = st.tuples(SHARES, SHARES)


def pairs_of(rng: np.random.Generator, count: int, groups: int, noise: float) -> list[Pair]:
    """Pairs whose change is log-linear in SynOps and ratios, up to the noise; the coefficients are drawn too."""
    slopes, offset = rng.normal(-0.05, 0.08, groups + 1), rng.normal(-0.03, 0.05)
    pairs = []
    for _ in range(count):
        ratios = tuple(float(each) for each in rng.uniform(0.1, 1, groups))
        pre = float(np.mean(ratios) ** 2 * np.exp(rng.normal(0, 0.1)))
        change = offset + slopes @ np.log([pre, *ratios]) + rng.normal(0, noise)
        pairs.append(Pair(pre, pre * float(np.exp(change)), ratios))
    return pairs


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 3))
def test_log_linear_data_are_recovered(seed: int, groups: int) -> None:
    """From many pairs without noise the law that made them is found, and the error of held-out pairs is nothing."""
    *pairs, new = pairs_of(np.random.default_rng(seed), 6 * (groups + 2) + 1, groups, noise=0.0)
    assert fit(pairs).predict(new.pre, new.ratios) == pytest.approx(new.post, rel=1e-4)
    assert fit(pairs).mape < 1e-4


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(SHARES, RATIOS), max_size=8), SHARES, RATIOS)
def test_what_changes_nothing_is_predicted_to_change_nothing(
    seen: list[tuple[float, tuple[float, float]]], pre: float, ratios: tuple[float, float]
) -> None:
    """Without pairs, and from pairs whose SynOps stayed, post = pre exactly."""
    assert fit([Pair(x, x, r) for x, r in seen]).predict(pre, ratios) == pytest.approx(pre)


@settings(max_examples=25, deadline=None)
@given(SHARES, st.floats(0.5, 2.0), RATIOS)
def test_one_pair_moves_the_prediction_a_part_of_the_way(
    pre: float, change: float, ratios: tuple[float, float]
) -> None:
    """A single pair is believed in part, as a ridge of penalty 1 does, and has no error of its own."""
    lre = fit([Pair(pre, pre * change, ratios)])
    size = 1 + sum(log(each) ** 2 for each in (pre, *ratios))
    assert log(lre.predict(pre, ratios) / pre) == pytest.approx(log(change) * size / (size + 1), abs=1e-9)
    assert lre.mape is None
    assert lre.interval(pre, ratios) == (0.0, inf)


def test_few_pairs_are_fitted_with_a_penalty_that_forbids_their_noise() -> None:
    """The coefficients are those of scikit-learn's ridge at one of the penalties allowed."""
    pairs = pairs_of(np.random.default_rng(0), 6, 3, 0.05)
    rows = np.array([[1.0, log(p.pre), *map(log, p.ratios)] for p in pairs])
    models = [
        Ridge(alpha, fit_intercept=False).fit(rows, [p.change for p in pairs]) for alpha in 10 ** np.linspace(-1, 1, 5)
    ]
    x = np.array([1.0, log(0.3), log(0.5), log(0.4), log(0.6)])
    expected = [0.3 * exp(float(model.coef_ @ x)) for model in models]
    assert min(abs(fit(pairs).predict(0.3, (0.5, 0.4, 0.6)) - each) for each in expected) < 1e-9


def test_held_out_error_by_hand() -> None:
    """Each pair is predicted from all others; errors are shares of what was measured."""
    pairs = pairs_of(np.random.default_rng(3), 7, 2, 0.05)
    errors = []
    for index, pair in enumerate(pairs):
        others = [*pairs[:index], *pairs[index + 1 :]]
        errors.append(abs(fit(others).predict(pair.pre, pair.ratios) / pair.post - 1))
    assert fit(pairs).mape == pytest.approx(np.mean(errors))


@pytest.mark.parametrize("count", [0, 1])
def test_held_out_error_needs_another_pair(count: int) -> None:
    """There is nothing to predict a lone pair from."""
    assert fit(pairs_of(np.random.default_rng(0), count, 2, 0.1)).mape is None


def test_twelve_fine_tuned_networks_are_enough() -> None:
    """With 2 % of noise in three groups, twelve pairs predict to about 3 % (the noise alone: 1.6 %)."""
    errors = [fit(pairs_of(np.random.default_rng(seed), 12, 3, 0.02)).mape for seed in range(40)]
    assert np.mean(errors) < 0.03


# The interval


@pytest.mark.parametrize("count", [12, 24])
def test_the_interval_covers_what_it_says(count: int) -> None:
    """About 90 % of new networks lie within the 90 % interval: 320 draws of pairs, one new network each."""
    inside = []
    rng = np.random.default_rng(1)
    for _ in range(320 if count == 12 else 300):
        *pairs, new = pairs_of(rng, count + 1, 3, 0.04)
        low, high = fit(pairs).interval(new.pre, new.ratios, 0.9)
        inside.append(low <= new.post <= high)
    assert 0.87 <= np.mean(inside) <= 0.95


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), SHARES, RATIOS, st.lists(st.floats(0.5, 0.95), min_size=2, max_size=2))
def test_more_confidence_is_a_wider_interval(
    seed: int, pre: float, ratios: tuple[float, float], confidences: list[float]
) -> None:
    """Intervals of rising confidence contain one another."""
    lre = fit(pairs_of(np.random.default_rng(seed), 12, 2, 0.05))
    inner, outer = (lre.interval(pre, ratios, each) for each in sorted(confidences))
    assert outer[0] <= inner[0] * (1 + 1e-12)
    assert inner[1] <= outer[1] * (1 + 1e-12)


def test_too_few_pairs_say_nothing_with_confidence() -> None:
    """Nine pairs are the fewest for 90 %."""
    pairs = pairs_of(np.random.default_rng(0), 9, 2, 0.05)
    assert fit(pairs[:8]).interval(0.3, (0.5, 0.5), 0.9) == (0.0, inf)
    low, high = fit(pairs).interval(0.3, (0.5, 0.5), 0.9)
    assert 0 < low < high
    assert isfinite(high)


# Winner's curse


def test_the_bias_of_chosen_networks_by_hand() -> None:
    """It is the sum of their held-out errors over their number and two; predictions and intervals move by it."""
    pairs = pairs_of(np.random.default_rng(5), 12, 2, 0.05)
    chosen, plain = pairs[-3:], fit(pairs)
    errors = []
    for pair in chosen:
        others = fit([each for each in pairs if each is not pair])
        errors.append(log(pair.post / others.predict(pair.pre, pair.ratios)))
    lre = fit(pairs, chosen)
    assert lre.bias == pytest.approx(sum(errors) / 5)
    moved = exp(lre.bias)
    assert lre.predict(0.3, (0.4, 0.6)) == pytest.approx(moved * plain.predict(0.3, (0.4, 0.6)))
    ends, plain_ends = lre.interval(0.3, (0.4, 0.6)), plain.interval(0.3, (0.4, 0.6))
    assert ends == pytest.approx(tuple(moved * each for each in plain_ends))
    assert lre.mape == plain.mape


def test_without_chosen_networks_nothing_is_corrected() -> None:
    """The bias is nothing."""
    assert fit(pairs_of(np.random.default_rng(5), 12, 2, 0.05)).bias == 0.0


def test_the_correction_takes_most_of_the_curse_away() -> None:
    """Where those of least prediction turn out 8 % larger, later ones are predicted nearer to the truth."""
    plain, corrected = [], []
    for seed in range(20):
        pairs = pairs_of(np.random.default_rng(seed), 20, 2, 0.02)
        *chosen, later = (Pair(pair.pre, 1.08 * pair.post, pair.ratios) for pair in pairs[-5:])
        known = [*pairs[:-5], *chosen]
        for errors, lre in ((plain, fit(known)), (corrected, fit(known, chosen))):
            errors.append(log(later.post / lre.predict(later.pre, later.ratios)))
    assert abs(np.mean(corrected)) < 0.5 * abs(np.mean(plain))


# The line of the paper


def test_the_line_of_the_paper() -> None:
    """Slope and intercept of least squares; (1, 0) where no line can be drawn."""
    pairs = [Pair(x, 0.8 * x + 0.1) for x in (0.1, 0.4, 0.9)]
    assert fit(pairs).line == pytest.approx((0.8, 0.1))
    assert fit(pairs[:1]).line == (1.0, 0.0)
    assert fit([Pair(0.5, 0.6), Pair(0.5, 0.7)]).line == (1.0, 0.0)
