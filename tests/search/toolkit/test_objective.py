"""R: bounded, two-sided, steeper above the target."""

from __future__ import annotations

from math import exp, log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spear_deploy.search.toolkit.objective import distance, reward

TARGETS = st.floats(0.01, 1)
SCORES = st.floats(0, 1)
FACTORS = st.floats(1.0, 50.0)


@pytest.mark.parametrize(
    ("apart", "expected"), [(0.0, 0.9), (0.1, 0.4), (-0.4, 0.4), (0.3, 0.0), (-0.1, 0.9 - 1 / 17), (-1.2, 0.0)]
)
def test_reward_by_hand(apart: float, expected: float) -> None:
    """Half of the penalty is reached 0.1 above and 0.4 below, in the logarithm."""
    assert reward(0.9, 0.2 * exp(apart), 0.2) == pytest.approx(expected)
    assert distance(0.2 * exp(apart), 0.2) == pytest.approx(apart)


@given(TARGETS, SCORES, FACTORS, FACTORS, st.floats(0.1, 3))
def test_nearer_is_better_on_each_side(target: float, score: float, one: float, other: float, weight: float) -> None:
    """For one score, R falls with the distance on both sides; and is lower above than as far below."""
    near, far = sorted((one, other))
    above = [reward(score, target * each, target, weight) for each in (near, far)]
    below = [reward(score, target / each, target, weight) for each in (near, far)]
    assert above[0] >= above[1]
    assert below[0] >= below[1]
    assert above[0] <= below[0] + 1e-12


@given(TARGETS, SCORES, st.floats(0, 10), st.floats(0.1, 3))
def test_the_penalty_is_bounded(target: float, score: float, predicted: float, weight: float) -> None:
    """No network is worth less than its score by more than the weight, none more than its score."""
    assert score - weight <= reward(score, predicted, target, weight) <= score


@given(TARGETS, st.floats(0.1, 1))
def test_a_perfect_network_far_above_never_wins(target: float, score: float) -> None:
    """Half as large again as the target is not made up for by any score."""
    assert reward(1.0, 1.5 * target, target) < reward(score, target, target)
    assert log(1.5) > 0
