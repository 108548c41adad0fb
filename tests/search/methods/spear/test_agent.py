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

from spear_deploy.search.methods.spear.agent import ALGORITHMS, Agent, DecayingNoise, _Spaces, replay
from spear_deploy.search.methods.spear.walk import Walk
from spear_deploy.search.space import KeepCounts
from tests.search.methods.synthetic import synthetic

WIDTHS = synthetic(2, 0.3, units=48).widths
NAMES = tuple(ALGORITHMS)


def score(counts: KeepCounts) -> float:
    """The best network keeps half of the first group and a quarter of the second."""
    return 1.0 - abs(counts["g0"] / 48 - 0.5) - abs(counts["g1"] / 48 - 0.25)


def agent_of(seed: int, random_episodes: int, most_episodes: int = 200, algorithm: str = "ddpg") -> Agent:
    return Agent(2, seed=seed, random_episodes=random_episodes, most_episodes=most_episodes, algorithm=algorithm)


def explored(agent: Agent, episodes: int, between: Callable[[], object] = lambda: None) -> list[KeepCounts]:
    """The networks that an agent builds when it is told the score of each."""
    found: list[KeepCounts] = []
    for _ in range(episodes):
        walk = Walk(WIDTHS)
        agent.remember(agent.walk(walk))
        found.append(walk.counts)
        between()
        agent.learn(np.array([5 * score(counts) for counts in found], np.float32))
        between()
    return found


def draw_globally() -> None:
    random.random()
    np.random.random()  # noqa: NPY002
    torch.rand(1)


def global_states() -> tuple[Any, ...]:
    name, keys, *rest = np.random.get_state()  # noqa: NPY002
    return random.getstate(), name, keys.tolist(), rest, torch.get_rng_state().tolist()


def rewards_of(agent: Agent) -> np.ndarray:
    return agent._model.replay_buffer.rewards[:, 0]


@pytest.mark.parametrize("algorithm", NAMES)
def test_same_seed_same_search(algorithm: str) -> None:
    """A seed determines every network of the search, whatever ran before or between; another gives another search."""
    one = explored(agent_of(3, 5, algorithm=algorithm), 15)
    draw_globally()
    assert explored(agent_of(3, 5, algorithm=algorithm), 15, draw_globally) == one
    assert explored(agent_of(4, 5, algorithm=algorithm), 15) != one


@pytest.mark.parametrize("algorithm", NAMES)
def test_global_random_states_stay_as_they_were(algorithm: str) -> None:
    """Constructing an agent, walking and learning leave the random states of Python, numpy and torch alone."""
    before = global_states()
    agent = agent_of(0, 2, algorithm=algorithm)
    assert global_states() == before

    def check() -> None:
        assert global_states() == before

    explored(agent, 6, check)
    assert agent._model._n_updates > 0


def test_every_walk_is_one_episode() -> None:
    """Each walk adds exactly its steps to the replay buffer once it is remembered, each of them an end."""
    agent = agent_of(0, 4)
    buffer = agent._model.replay_buffer
    for episode in range(1, 13):
        walk = Walk(WIDTHS)
        steps = agent.walk(walk)
        assert walk.is_done
        assert buffer.pos == 2 * episode - 2
        agent.remember(steps)
        agent.learn(np.zeros(episode, np.float32))
        assert buffer.pos == 2 * episode
    assert buffer.dones[:24, 0].tolist() == [1] * 24


def test_what_is_remembered_is_what_was_decided() -> None:
    """Observations and actions of the replay buffer lead to the networks that were built."""
    agent = agent_of(5, 3)
    found = explored(agent, 8)
    buffer = agent._model.replay_buffer
    assert np.all(np.abs(buffer.actions[:16]) <= 1)
    for episode, counts in enumerate(found):
        walk = Walk(WIDTHS)
        for step in (2 * episode, 2 * episode + 1):
            np.testing.assert_array_equal(buffer.observations[step, 0], walk.observation())
            walk.decide(float(buffer.actions[step, 0, 0]))
            np.testing.assert_array_equal(buffer.next_observations[step, 0], walk.observation())
        assert walk.counts == counts


def test_known_widths_can_be_remembered() -> None:
    """A replayed walk is an episode as any other."""
    agent = agent_of(0, 2)
    agent.remember(replay(Walk(WIDTHS), {"g0": 30, "g1": 12}))
    agent.learn(np.array([3.0], np.float32))
    assert rewards_of(agent)[:3].tolist() == [3, 3, 0]


def test_the_buffer_holds_all_episodes() -> None:
    """There is room for as many episodes as may be asked for: none is overwritten."""
    agent = agent_of(0, 2, most_episodes=6)
    explored(agent, 6)
    assert rewards_of(agent).shape == (12,)
    assert agent._model.replay_buffer.full


def test_random_episodes_cover_the_range() -> None:
    """The first episodes are drawn over the whole range of ratios."""
    kept = [counts["g0"] / 48 for counts in explored(agent_of(0, 20), 20)]
    assert min(kept) < 0.2
    assert max(kept) > 0.7


@pytest.mark.parametrize("algorithm", NAMES)
def test_learning_begins_behind_the_random_episodes(algorithm: str) -> None:
    """Nothing is learnt before the random episodes are over; then several steps after each."""
    agent, updates = agent_of(0, 3, algorithm=algorithm), []
    for episode in range(1, 6):
        agent.remember(agent.walk(Walk(WIDTHS)))
        agent.learn(np.zeros(episode, np.float32))
        updates.append(agent._model._n_updates)
    steps = ALGORITHMS[algorithm].gradient_steps
    assert updates == [0, 0, steps, 2 * steps, 3 * steps]


def test_rewards_are_replaced() -> None:
    """After each episode the rewards of all finished ones are those told last, at each of their steps."""
    agent = agent_of(0, 2)
    for episode in range(1, 5):
        agent.remember(agent.walk(Walk(WIDTHS)))
        agent.learn(np.arange(1, episode + 1, dtype=np.float32) + 10 * (4 - episode))
    assert rewards_of(agent)[:8].tolist() == [1, 1, 2, 2, 3, 3, 4, 4]
    assert not rewards_of(agent)[8:].any()


@pytest.mark.parametrize("algorithm", NAMES)
def test_the_agent_learns(algorithm: str) -> None:
    """On an easy landscape the later episodes are better than the random first ones."""
    reached = [score(counts) for counts in explored(agent_of(1, 20, algorithm=algorithm), 100)]
    assert np.mean(reached[-20:]) > np.mean(reached[:20]) + 0.1


def test_noise_shrinks_down_to_the_least_width() -> None:
    """Exploration narrows by its factor each time, and widens where that is asked; a seed repeats it."""
    noise = DecayingNoise(0, width=1.0, decay=0.5, least=0.1)
    widths = []
    for _ in range(6):
        widths.append(np.std([noise.draw() for _ in range(2000)]))
        noise.shrink()
    assert widths == pytest.approx([1.0, 0.5, 0.25, 0.125, 0.1, 0.1], rel=0.1)
    assert np.std([noise.draw(widening=3.0) for _ in range(2000)]) == pytest.approx(0.3, rel=0.1)
    assert DecayingNoise(7).draw() == DecayingNoise(7).draw()


def test_noise_shrinks_behind_the_random_episodes() -> None:
    """Each of the agent's own episodes is explored a little less than the one before."""
    agent = agent_of(0, 2)
    width = agent._noise._width
    for _ in range(5):
        agent.remember(agent.walk(Walk(WIDTHS)))
    assert agent._noise._width == pytest.approx(width * 0.98**3)


def test_spaces_are_as_gymnasium_and_stable_baselines_want_them() -> None:
    """Actions are one number of [-1, 1], which is what a policy gives; the checkers do not object to a walk."""
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
        self._walk = Walk(WIDTHS)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        super().reset(seed=seed)
        self._walk = Walk(WIDTHS)
        return self._walk.observation(), {}

    def step(self, action: np.ndarray) -> Any:
        self._walk.decide(float(action[0]))
        return self._walk.observation(), 0.0, self._walk.is_done, False, {}
