"""SPEAR as a method: each outcome moves the reward's weight, and the agent learns from rewards judged anew."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from spear_deploy.execution import Execution
from spear_deploy.search.methods import Outcome, Task
from spear_deploy.search.methods.spear.method import Spear
from spear_deploy.search.methods.spear.tar import TAR
from spear_deploy.search.space import PrunableGroup, Space

GROUPS = (PrunableGroup("a", 16, 9, 0.5, True), PrunableGroup("b", 64, 144, 0.5, False))
TARGET = 0.4


def task(predict: Callable[[float], float] = lambda share: share, seed: int = 0) -> Task:
    space = Space(GROUPS, 0.1, lambda counts: sum(counts.values()) <= 70)
    return Task(space, TARGET, predict, 8, 24, None, None, Execution(seed=seed))  # type: ignore[arg-type]


def outcome(counts: dict[str, int]) -> Outcome:
    share = sum(counts.values()) / 80
    return Outcome(1 - (share - 0.5) ** 2, share)


def test_weight_and_rewards_follow_each_outcome() -> None:
    """TAR adapts to what is predicted, and the replay buffer holds every episode's reward under it."""
    method, tar, outcomes = Spear(task(lambda share: 0.9 * share)), TAR(TARGET), []
    for _ in range(6):
        proposal = method.ask()
        outcomes.append(outcome(proposal.counts))
        method.tell(proposal, outcomes[-1])
        tar = tar.after_episode(0.9 * outcomes[-1].synops)
        assert method.tar == tar
    rewards = [tar.reward(each.accuracy, 0.9 * each.synops) for each in outcomes]
    assert [method.merit(each) for each in outcomes] == pytest.approx(rewards)
    assert method.agent._model.replay_buffer.rewards[1:12:2, 0].tolist() == pytest.approx(rewards)
    assert method.figures() == {"best_reward": pytest.approx(max(rewards)), "tar_weight": tar.weight}


def test_rewards_are_judged_by_the_line_as_it_is() -> None:
    """Where LRE was refitted between two outcomes, the next one is learnt from with all rewards as they now are."""
    factor = [0.5]
    method = Spear(task(lambda share: factor[0] * share))
    told = []
    for change in (0.5, 0.5, 2.0):
        factor[0] = change
        proposal = method.ask()
        told.append(outcome(proposal.counts))
        method.tell(proposal, told[-1])
    rewards = method.agent._model.replay_buffer.rewards[1:6:2, 0]
    np.testing.assert_allclose(rewards, [method.tar.reward(each.accuracy, 2 * each.synops) for each in told], rtol=1e-6)


def test_proposals_keep_what_is_known_unrun() -> None:
    """Every proposal decides all groups within what a placement tells; a seed repeats them."""

    def proposed(seed: int) -> list[dict[str, int]]:
        method, found = Spear(task(seed=seed)), []
        for _ in range(10):
            proposal = method.ask()
            found.append(dict(proposal.counts))
            method.tell(proposal, outcome(found[-1]))
        return found

    one = proposed(1)
    assert all(set(counts) == {"a", "b"} and sum(counts.values()) <= 70 for counts in one)
    assert proposed(1) == one
    assert proposed(2) != one
