"""A walk over the groups: what an action keeps, clipping to the budgets, observations, replay, determinism."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spear_deploy.search.methods.spear.agent import _Spaces, replay
from spear_deploy.search.methods.spear.walk import OBSERVATIONS, Walk
from spear_deploy.search.space import KeepCounts
from spear_deploy.search.toolkit.widths import Widths
from tests.search.methods.synthetic import synthetic

TARGET = 0.3
ACTIONS = st.lists(st.floats(-1, 1), min_size=3, max_size=3)


def widths(fits: Callable[[KeepCounts], bool] = lambda counts: True, target: float = TARGET) -> Widths:
    return synthetic(3, target, units=48, fits=fits).widths


FREE = widths()


def walked(of: Widths, actions: list[float]) -> tuple[Mapping[str, int], list[np.ndarray]]:
    """Walk all groups; return the counts, and the observations before each decision and behind the last."""
    walk = Walk(of)
    observations = [walk.observation()]
    for index, action in enumerate(actions):
        assert not walk.is_done
        assert list(walk.counts) == [group.name for group in of.space.groups[:index]]
        walk.decide(action)
        observations.append(walk.observation())
    assert walk.is_done
    return walk.counts, observations


def test_actions_are_measured_from_what_meets_the_target() -> None:
    """0 everywhere is the widest of one ratio for all, up to rounding; -1 keeps the lowest ratio, 1 all of a group."""
    _, uniform = FREE.widest(dict.fromkeys(FREE.space.units, 0.0))
    counts = walked(FREE, [0, 0, 0])[0]
    assert counts["g0"] == uniform["g0"]
    assert all(0 <= counts[name] - uniform[name] <= 3 for name in uniform)
    assert FREE.predicted(uniform) <= FREE.predicted(counts) <= TARGET
    assert walked(FREE, [-1, -1, -1])[0] == walked(FREE, [-9, -9, -9])[0] == FREE.space.smallest
    assert walked(FREE, [1, 1, 1])[0] == walked(FREE, [9, 9, 9])[0] == FREE.space.units
    wide = walked(FREE, [0.5, 0, 0])[0]
    assert uniform["g0"] < wide["g0"] < 48


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(-0.5, 0.5), min_size=2, max_size=2))
def test_later_groups_make_up_for_earlier_ones(actions: list[float]) -> None:
    """Whatever the first groups keep, 0 for the last one ends within the target, and one unit more beyond it."""
    counts = dict(walked(FREE, [*actions, 0.0])[0])
    if counts["g2"] in (1, 48):  # the last group alone cannot make up for the others
        return
    assert FREE.predicted(counts) <= TARGET < FREE.predicted({**counts, "g2": counts["g2"] + 1})


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 48), min_size=3, max_size=3))
def test_replay_walks_to_given_widths(given_counts: list[int]) -> None:
    """Its actions lie within their range and keep exactly these counts."""
    counts = dict(zip(FREE.space.units, given_counts, strict=True))
    walk = Walk(FREE)
    steps = replay(walk, counts)
    assert walk.counts == counts
    assert all(abs(action[0]) <= 1 for _, action, _ in steps)
    again = Walk(FREE)
    for before, action, after in steps:
        np.testing.assert_array_equal(again.observation(), before)
        again.decide(float(action[0]))
        np.testing.assert_array_equal(again.observation(), after)


def test_walks_share_nothing() -> None:
    """What was counted of a finished walk stays as it is; an abandoned one leaves no trace in the next."""
    first = walked(FREE, [0.2, 0.1, 0])[0]
    abandoned = Walk(FREE)
    abandoned.decide(0.0)
    counts = abandoned.counts
    abandoned.decide(0.0)
    assert list(counts) == ["g0"]
    assert walked(FREE, [0.2, 0.1, 0])[0] == first


def test_observations_describe_group_and_decisions() -> None:
    """Position, kind, units, fan-in, share; what was saved and is left, the last decision, the need, the importance."""
    counts, observations = walked(FREE, [-0.5, 0.2, 0])
    groups, shares = FREE.space.groups, [group.synops_share for group in FREE.space.groups]
    need, _ = FREE.widest(dict.fromkeys(FREE.space.units, 0.0))
    held = [FREE.importance_share[group.name] for group in groups]
    first = [0, 1, 1, 9 / 27, shares[0], 0, sum(shares), 1, need, held[0]]
    np.testing.assert_allclose(observations[0], first, rtol=1e-6)
    saved = shares[0] * (1 - counts["g0"] / 48)
    need, _ = FREE.widest({"g1": 0.0, "g2": 0.0}, {"g0": counts["g0"]})
    second = [0.5, 1, 1, 18 / 27, shares[1], saved, sum(shares[1:]), counts["g0"] / 48, need, held[1]]
    np.testing.assert_allclose(observations[1], second, rtol=1e-6)
    assert observations[3][6] == pytest.approx(0, abs=1e-6)
    assert sum(held) == pytest.approx(1)


@settings(max_examples=30, deadline=None)
@given(ACTIONS)
def test_observations_lie_in_their_space(actions: list[float]) -> None:
    """Whatever is decided, every observation is of the kind and within the bounds that the agent declares."""
    declared = _Spaces().observation_space
    for observation in walked(FREE, actions)[1]:
        assert (observation.shape, observation.dtype) == ((OBSERVATIONS,), np.float32)
        assert declared.contains(observation)


@settings(max_examples=30, deadline=None)
@given(ACTIONS, st.integers(3, 144))
def test_a_budget_is_never_exceeded(actions: list[float], budget: int) -> None:
    """Where the smallest network fits, every network that the walk builds fits."""
    counts = walked(widths(lambda counts: sum(counts.values()) <= budget), actions)[0]
    assert sum(counts.values()) <= budget
    free = walked(FREE, actions)[0]
    if sum(free.values()) <= budget:
        assert counts == free


def test_clipping_leaves_as_much_as_fits() -> None:
    """A clipped group keeps exactly what is left when those behind it take their smallest."""
    limited = widths(lambda counts: sum(counts.values()) <= 60)
    assert walked(limited, [1, 1, 1])[0] == {"g0": 48, "g1": 11, "g2": 1}


def test_budgets_are_asked_of_whole_networks() -> None:
    """Every question is of all groups, the undecided ones at their smallest."""
    asked: list[KeepCounts] = []

    def fits(counts: KeepCounts) -> bool:
        asked.append(counts)
        return True

    counts, _ = walked(widths(fits, target=0.9), [0, 0, 0])
    assert asked[-1] == counts
    assert asked[-3] == {**counts, "g1": 1, "g2": 1}


def test_impossible_budgets_give_the_smallest_network() -> None:
    """Where nothing fits, the smallest network is built rather than none."""
    impossible = widths(lambda counts: False)
    assert walked(impossible, [1, 1, 1])[0] == impossible.space.smallest


def test_a_single_group() -> None:
    """A network with one group is a walk of one step."""
    single = synthetic(1, 0.3, units=16).widths
    counts, _ = walked(single, [0.0])
    assert list(counts) == ["g0"]
    assert single.predicted(counts) <= 0.3


def test_nothing_is_left_to_decide_behind_the_last_group() -> None:
    """A walk has as many decisions as groups."""
    walk = Walk(FREE)
    for _ in FREE.space.groups:
        walk.decide(0.0)
    with pytest.raises(IndexError):
        walk.decide(0.0)
