"""TAR: the reward and the weight of its penalty."""

from __future__ import annotations

from math import exp

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spear_deploy.search.methods.spear.tar import TAR
from spear_deploy.search.toolkit.objective import reward

SHARES = st.floats(0, 3)
TARGETS = st.floats(0.05, 1)


@pytest.mark.parametrize(
    ("score", "apart", "expected"),
    [(0.9, 0.0, 0.9), (0.9, 0.1, 0.9 - 1.0), (0.9, -0.4, 0.9 - 1.0), (0.2, -0.1, 0.2 - 2 / 17), (1.0, 0.2, 1 - 1.6)],
)
def test_reward(score: float, apart: float, expected: float) -> None:
    """R = score - weight * d^2 / (d^2 + width^2), of half the weight at d = 0.1 and d = -0.4."""
    assert TAR(0.5, weight=2.0).reward(score, 0.5 * exp(apart)) == pytest.approx(expected)


@given(TARGETS, SHARES, st.floats(0, 1))
def test_it_is_the_common_objective_with_a_weight_of_its_own(target: float, predicted: float, score: float) -> None:
    """All methods are told the same, up to TAR's adaptation."""
    assert TAR(target, weight=1.0).reward(score, predicted) == reward(score, predicted, target)


@pytest.mark.parametrize(("apart", "expected"), [(0.0, 1.0), (1.0, 1.05), (0.5, 1.025), (-2.0, 0.95), (7.0, 1.05)])
def test_adaptation(apart: float, expected: float) -> None:
    """The weight moves by step * d, by at most a step: up while the target is exceeded and down below it."""
    assert TAR(0.5).after_episode(0.5 * exp(apart)).weight == pytest.approx(expected)


@given(TARGETS, st.lists(SHARES, max_size=300))
def test_weight_stays_within_its_bounds(target: float, episodes: list[float]) -> None:
    """However long the target is violated or kept, the weight stays between its bounds; the target stays."""
    tar = TAR(target)
    for predicted in episodes:
        tar = tar.after_episode(predicted)
        assert tar.minimum <= tar.weight <= tar.maximum
    assert tar.target == target
