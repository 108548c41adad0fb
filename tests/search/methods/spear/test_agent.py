"""The agent: deterministic for a seed, random states of its own, rewards judged anew."""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium.utils.env_checker import check_env as check_with_gymnasium
from stable_baselines3.common.env_checker import check_env as check_with_sb3

from spear_deploy.search.methods.spear.agent import Agent, DecayingNoise, _Spaces
from spear_deploy.search.methods.spear.walk import Walk
from spear_deploy.search.space import KeepCounts, PrunableGroup, Space

GROUPS = (PrunableGroup("a", 16, 9, 0.5, True), PrunableGroup("b", 64, 144, 0.5, False))
SPACE = Space(GROUPS, 0.1, lambda counts: True)


def accuracy(counts: KeepCounts) -> float:
    """The best network keeps half of the first group and a quarter of the second."""
    return 1.0 - abs(counts["a"] / 16 - 0.5) - abs(counts["b"] / 64 - 0.25)


def agent_of(seed: int, random_episodes: int, most_episodes: int = 200) -> Agent:
    return Agent(len(GROUPS), seed=seed, random_episodes=random_episodes, most_episodes=most_episodes)


def explored(agent: Agent, episodes: int, between: Callable[[], object] = lambda: None) -> list[KeepCounts]:
    """The networks that an agent builds when it is told the accuracy of each."""
    found: list[KeepCounts] = []
    for _ in range(episodes):
        walk = Walk(SPACE)
        agent.walk(walk)
        found.append(walk.counts)
        between()
        agent.learn(np.array([accuracy(counts) for counts in found], np.float32))
        between()
    return found


def draw_globally() -> None:
    random.random()
    np.random.random()  # noqa: NPY002
    torch.rand(1)


def global_states() -> tuple[Any, Any, torch.Tensor]:
    return random.getstate(), np.random.get_state(), torch.get_rng_state()  # noqa: NPY002


def assert_same_states(ours: tuple[Any, Any, torch.Tensor], theirs: tuple[Any, Any, torch.Tensor]) -> None:
    assert ours[0] == theirs[0]
    assert ours[1][0] == theirs[1][0]
    np.testing.assert_array_equal(ours[1][1], theirs[1][1])
    assert ours[1][2:] == theirs[1][2:]
    assert torch.equal(ours[2], theirs[2])


def rewards_of(agent: Agent) -> np.ndarray:
    return agent._model.replay_buffer.rewards[:, 0]


def test_same_seed_same_search() -> None:
    """A seed determines every network of the search, whatever ran before or between; another gives another search."""
    one = explored(agent_of(3, 5), 20)
    draw_globally()
    assert explored(agent_of(3, 5), 20) == one
    assert explored(agent_of(3, 5), 20, draw_globally) == one
    assert explored(agent_of(4, 5), 20) != one


def test_global_random_states_stay_as_they_were() -> None:
    """Constructing an agent, walking and learning leave the random states of Python, numpy and torch alone."""
    random.seed(11)
    np.random.seed(11)  # noqa: NPY002
    torch.manual_seed(11)
    before = global_states()
    agent = agent_of(0, 2)
    assert_same_states(global_states(), before)
    explored(agent, 6, lambda: assert_same_states(global_states(), before))
    assert agent._model._n_updates > 0
    assert_same_states(global_states(), before)


def test_every_walk_is_one_episode() -> None:
    """Each walk decides all groups and adds exactly its steps to the replay buffer, the last of them marked."""
    agent = agent_of(0, 4)
    buffer = agent._model.replay_buffer
    for episode in range(1, 13):
        walk = Walk(SPACE)
        agent.walk(walk)
        assert walk.is_done
        assert set(walk.counts) == {"a", "b"}
        assert buffer.pos == 2 * episode
        agent.learn(np.zeros(episode, np.float32))
        assert buffer.pos == 2 * episode
    assert buffer.dones[:24, 0].tolist() == [0, 1] * 12


def test_what_is_remembered_is_what_was_decided() -> None:
    """Observations and actions of the replay buffer lead to the networks that were built."""
    agent = agent_of(5, 3)
    found = explored(agent, 8)
    buffer = agent._model.replay_buffer
    assert np.all(np.abs(buffer.actions[:16]) <= 1)
    for episode, counts in enumerate(found):
        walk = Walk(SPACE)
        for step in (2 * episode, 2 * episode + 1):
            np.testing.assert_array_equal(buffer.observations[step, 0], walk.observation())
            walk.decide(float(buffer.actions[step, 0, 0]))
            np.testing.assert_array_equal(buffer.next_observations[step, 0], walk.observation())
        assert walk.counts == counts


def test_the_buffer_holds_all_episodes() -> None:
    """There is room for as many episodes as may be asked for: none is overwritten."""
    agent = agent_of(0, 2, most_episodes=6)
    explored(agent, 6)
    assert agent._model.replay_buffer.rewards.shape == (12, 1)
    assert agent._model.replay_buffer.full


def test_random_episodes_cover_the_range() -> None:
    """The first episodes are drawn over the whole range of ratios."""
    kept = [counts["b"] / 64 for counts in explored(agent_of(0, 5), 30)[:5]]
    assert min(kept) < 0.45
    assert max(kept) > 0.65


def test_learning_begins_behind_the_random_episodes() -> None:
    """Nothing is learnt before an episode was walked by the policy; then several steps after each."""
    agent = agent_of(0, 3)
    updates = []
    for episode in range(1, 6):
        agent.walk(Walk(SPACE))
        agent.learn(np.zeros(episode, np.float32))
        updates.append(agent._model._n_updates)
    assert updates == [0, 0, 0, 8, 16]


def test_relabelling_touches_terminal_rewards_alone() -> None:
    """After each episode the rewards of all finished ones, the last included, are replaced; others stay 0."""
    agent = agent_of(0, 2)
    for episode in range(1, 7):
        agent.walk(Walk(SPACE))
        assert not rewards_of(agent)[2 * episode - 2 :].any()
        agent.learn(np.arange(1, episode + 1, dtype=np.float32) + 10 * (6 - episode))
    assert rewards_of(agent)[:12].tolist() == [0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6]
    assert not rewards_of(agent)[12:].any()


def test_rewards_come_at_the_end() -> None:
    """The replay buffer holds each episode's reward at its last step."""
    agent = agent_of(0, 2)
    found = explored(agent, 5)
    rewards = rewards_of(agent)[:10]
    assert rewards[1::2].tolist() == pytest.approx([accuracy(counts) for counts in found])
    assert not rewards[::2].any()


def test_the_agent_learns() -> None:
    """On an easy landscape the later episodes are better than the random first ones."""
    reached = [accuracy(counts) for counts in explored(agent_of(1, 20), 120)]
    assert np.mean(reached[-20:]) > np.mean(reached[:20]) + 0.1


def test_noise_shrinks_with_every_episode() -> None:
    """Exploration narrows by its factor each time, down to the least width; a seed repeats it."""
    noise = DecayingNoise(0, width=1.0, decay=0.5, least=0.1)
    widths = []
    for _ in range(6):
        widths.append(np.std([noise.draw() for _ in range(2000)]))
        noise.shrink()
    assert widths == pytest.approx([1.0, 0.5, 0.25, 0.125, 0.1, 0.1], rel=0.1)
    assert DecayingNoise(7).draw() == DecayingNoise(7).draw()


def test_noise_shrinks_before_each_walk() -> None:
    """The k-th walk is explored with the k-th power of the factor."""
    agent = agent_of(0, 2)
    for episode in range(1, 4):
        agent.walk(Walk(SPACE))
        assert agent._noise._width == pytest.approx(0.98**episode)


def test_spaces_are_as_gymnasium_and_stable_baselines_want_them() -> None:
    """Actions are one number of [-1, 1], which is what DDPG's policy gives; the checkers do not object to a walk."""
    spaces = _Spaces()
    assert (spaces.action_space.low.tolist(), spaces.action_space.high.tolist()) == ([-1.0], [1.0])
    assert spaces.action_space.dtype == spaces.observation_space.dtype == np.float32
    observation, _ = spaces.reset(seed=0)
    assert spaces.observation_space.contains(observation)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_with_sb3(_Walking())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check_with_gymnasium(_Walking(), skip_render_check=True)


class _Walking(_Spaces):
    """The walk as an environment with the agent's spaces, for the checkers."""

    def __init__(self) -> None:
        super().__init__()
        self._walk = Walk(SPACE)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        super().reset(seed=seed)
        self._walk = Walk(SPACE)
        return self._walk.observation(), {}

    def step(self, action: np.ndarray) -> Any:
        self._walk.decide(float(action[0]))
        return self._walk.observation(), 0.0, self._walk.is_done, False, {}
