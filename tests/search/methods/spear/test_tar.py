"""TAR: the reward and the weight of its penalty."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spear_deploy.search.methods.spear.tar import TAR

SHARES = st.floats(0, 3)
TARGETS = st.floats(0.05, 1)


@pytest.mark.parametrize(
    ("accuracy", "predicted", "expected"),
    [(0.9, 0.5, 0.9), (0.9, 0.1, 0.9), (0.9, 0.55, 0.9 - 2 * 0.1), (0.9, 1.0, 0.9 - 2.0), (0.0, 0.75, -1.0)],
)
def test_reward(accuracy: float, predicted: float, expected: float) -> None:
    """R = accuracy - weight * max(0, predicted / target - 1)."""
    assert TAR(0.5, weight=2.0).reward(accuracy, predicted) == pytest.approx(expected)


@given(TARGETS, SHARES, SHARES, st.floats(0, 1))
def test_below_the_target_accuracy_alone_counts(target: float, one: float, other: float, accuracy: float) -> None:
    """Saving more than asked earns nothing; spending more never pays by itself."""
    tar = TAR(target)
    low, high = sorted((one, other))
    assert tar.reward(accuracy, low) >= tar.reward(accuracy, high)
    if high <= target:
        assert tar.reward(accuracy, low) == tar.reward(accuracy, high) == accuracy


@pytest.mark.parametrize(("predicted", "expected"), [(0.5, 1.0), (1.0, 1.1), (0.75, 1.05), (0.0, 0.9), (100.0, 20.0)])
def test_adaptation(predicted: float, expected: float) -> None:
    """The weight moves by step * (predicted / target - 1), up while the target is exceeded and down below it."""
    assert TAR(0.5).after_episode(predicted).weight == pytest.approx(expected)


@given(TARGETS, st.lists(SHARES, max_size=300))
def test_weight_stays_within_its_bounds(target: float, episodes: list[float]) -> None:
    """However long the target is violated or kept, the weight stays between its bounds; the target stays."""
    tar = TAR(target)
    for predicted in episodes:
        tar = tar.after_episode(predicted)
        assert tar.minimum <= tar.weight <= tar.maximum
    assert tar.target == target
