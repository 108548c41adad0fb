"""A walk over the groups: what an action keeps, clipping to the budgets, observations, determinism."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spear_deploy.search.methods.spear.agent import _Spaces
from spear_deploy.search.methods.spear.walk import OBSERVATIONS, Walk
from spear_deploy.search.space import KeepCounts, PrunableGroup, Space

GROUPS = (
    PrunableGroup("a", 16, 9, 0.2, True),
    PrunableGroup("b", 32, 144, 0.5, True),
    PrunableGroup("c", 64, 512, 0.3, False),
)


def space(
    fits: Callable[[KeepCounts], bool] = lambda counts: True,
    groups: tuple[PrunableGroup, ...] = GROUPS,
    lowest: float = 0.1,
) -> Space:
    return Space(groups, lowest, fits)


def walked(space: Space, actions: list[float]) -> tuple[Mapping[str, int], list[np.ndarray]]:
    """Walk all groups; return the counts, and the observations before each decision and behind the last."""
    walk = Walk(space)
    observations = [walk.observation()]
    for index, action in enumerate(actions):
        assert not walk.is_done
        assert list(walk.counts) == [group.name for group in space.groups[:index]]
        walk.decide(action)
        observations.append(walk.observation())
    assert walk.is_done
    return walk.counts, observations


def test_actions_map_to_keep_ratios() -> None:
    """-1 keeps the lowest ratio, 1 keeps all, 0 the middle; beyond the bounds the action is cut off."""
    assert walked(space(), [-1, 0, 1])[0] == {"a": 2, "b": 18, "c": 64}
    assert walked(space(), [-7, 7, 0])[0] == {"a": 2, "b": 32, "c": 35}
    assert walked(space(lowest=0.5), [-1, -1, -1])[0] == {"a": 8, "b": 16, "c": 32}


def test_walks_share_nothing() -> None:
    """What was counted of a finished walk stays as it is; an abandoned one leaves no trace in the next."""
    shared = space()
    first = walked(shared, [1, 1, 1])[0]
    abandoned = Walk(shared)
    abandoned.decide(0.0)
    counts = abandoned.counts
    abandoned.decide(0.0)
    second = walked(shared, [-1, -1, -1])[0]
    assert first == {"a": 16, "b": 32, "c": 64}
    assert counts == {"a": 9}
    assert second == {"a": 2, "b": 3, "c": 6}


def test_observations_describe_group_and_decisions() -> None:
    """Position, kind, units, fan-in and share of the group; what was saved, what is left, the last decision."""
    _, observations = walked(space(), [-1, 0, 1])
    np.testing.assert_allclose(observations[0], [0, 1, 16 / 64, 9 / 512, 0.2, 0, 1.0, 1.0], rtol=1e-6)
    saved = 0.2 * (1 - 2 / 16)
    np.testing.assert_allclose(observations[1], [0.5, 1, 0.5, 144 / 512, 0.5, saved, 0.8, 2 / 16], rtol=1e-6)
    saved += 0.5 * (1 - 18 / 32)
    np.testing.assert_allclose(observations[2], [1, 0, 1, 1, 0.3, saved, 0.3, 18 / 32], rtol=1e-6)
    np.testing.assert_allclose(observations[3], [1, 0, 1, 1, 0.3, saved, 0.0, 1.0], rtol=1e-6, atol=1e-6)


@given(st.lists(st.floats(-1, 1), min_size=3, max_size=3))
def test_observations_lie_in_their_space(actions: list[float]) -> None:
    """Whatever is decided, every observation is of the kind and within the bounds that the agent declares."""
    declared = _Spaces().observation_space
    for observation in walked(space(), actions)[1]:
        assert (observation.shape, observation.dtype) == ((OBSERVATIONS,), np.float32)
        assert declared.contains(observation)


@given(st.lists(st.floats(-1, 1), min_size=3, max_size=3), st.integers(2 + 3 + 6, 112))
def test_a_budget_is_never_exceeded(actions: list[float], budget: int) -> None:
    """Where the smallest network fits, every network that the walk builds fits, and no less than needed is kept."""
    limited = space(lambda counts: sum(counts.values()) <= budget)
    free = walked(space(), actions)[0]
    counts = walked(limited, actions)[0]
    assert sum(counts.values()) <= budget
    assert all(counts[name] <= free[name] for name in counts)
    if sum(free.values()) <= budget:
        assert counts == free


def test_clipping_leaves_as_much_as_fits() -> None:
    """A clipped group keeps exactly what is left when those behind it take their smallest."""
    limited = space(lambda counts: sum(counts.values()) <= 40)
    assert walked(limited, [1, 1, 1])[0] == {"a": 16, "b": 18, "c": 6}


def test_budgets_are_asked_of_whole_networks() -> None:
    """Every question is of all groups, the undecided ones at their smallest."""
    asked: list[KeepCounts] = []

    def fits(counts: KeepCounts) -> bool:
        asked.append(counts)
        return True

    walked(space(fits), [0, 0, 0])
    assert asked == [{"a": 9, "b": 3, "c": 6}, {"a": 9, "b": 18, "c": 6}, {"a": 9, "b": 18, "c": 35}]


def test_impossible_budgets_give_the_smallest_network() -> None:
    """Where nothing fits, the smallest network is built rather than none."""
    impossible = space(lambda counts: False)
    assert walked(impossible, [1, 1, 1])[0] == impossible.smallest == {"a": 2, "b": 3, "c": 6}


def test_equal_actions_give_equal_walks() -> None:
    """Nothing in a walk is random."""
    actions = [0.3, -0.2, 0.9]
    one, two = walked(space(), actions), walked(space(), actions)
    assert one[0] == two[0]
    np.testing.assert_array_equal(one[1], two[1])


def test_a_single_group() -> None:
    """A network with one group is a walk of one step."""
    assert walked(space(groups=(PrunableGroup("only", 5, 3, 1.0, False),)), [0.0])[0] == {"only": 3}


def test_nothing_is_left_to_decide_behind_the_last_group() -> None:
    """A walk has as many decisions as groups."""
    walk = Walk(space())
    for _ in GROUPS:
        walk.decide(0.0)
    with pytest.raises(IndexError):
        walk.decide(0.0)
