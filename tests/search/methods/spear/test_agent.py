"""The agent: deterministic for a seed, resumable exploration, rewards judged anew."""

from __future__ import annotations

import numpy as np
import pytest

from spear_deploy.search.methods.spear.agent import Agent, DecayingNoise
from spear_deploy.search.methods.spear.environment import KeepCounts, KeepRatios, Layer, Outcome

LAYERS = (Layer("a", 16, 9, 0.5, True), Layer("b", 64, 144, 0.5, False))


def environment(reward: float | None = None) -> KeepRatios:
    """Two layers; the best network keeps half of the first and a quarter of the second."""

    def evaluate(counts: KeepCounts) -> Outcome:
        distance = abs(counts["a"] / 16 - 0.5) + abs(counts["b"] / 64 - 0.25)
        return Outcome(1.0 - distance, sum(counts.values()) / 80)

    return KeepRatios(LAYERS, evaluate, lambda outcome: outcome.accuracy if reward is None else reward, lambda _: True)


def explored(seed: int, parts: list[int]) -> list[KeepCounts]:
    """The networks that an agent builds when it explores in parts."""
    env = environment()
    agent = Agent(env, seed=seed, random_episodes=5)
    for episodes in parts:
        agent.explore(episodes, lambda: None)
    return [counts for counts, _ in env.episodes]


def test_same_seed_same_search() -> None:
    """A seed determines every network of the search, whatever ran before; another seed gives another search."""
    one = explored(3, [20])
    np.random.default_rng().random()
    assert explored(3, [20]) == one
    assert explored(4, [20]) != one


def test_exploring_goes_on() -> None:
    """Exploring again adds exactly that many episodes, and calls back after each of them."""
    env = environment()
    agent = Agent(env, seed=0, random_episodes=4)
    seen: list[int] = []
    for expected in (8, 11, 12):
        agent.explore(expected - len(env.episodes), lambda: seen.append(len(env.episodes)))
        assert len(env.episodes) == expected
    assert seen == list(range(1, 13))


def test_random_episodes_cover_the_range() -> None:
    """The first episodes are drawn over the whole range of ratios."""
    kept = [counts["b"] / 64 for counts in explored(0, [30])[:5]]
    assert min(kept) < 0.45
    assert max(kept) > 0.65


def test_relabelling_touches_terminal_rewards_alone() -> None:
    """After each episode the rewards of all finished ones, the last included, can be replaced; others stay 0."""
    env = environment(reward=0.5)
    agent = Agent(env, seed=0, random_episodes=2)

    def after_episode() -> None:
        agent.relabel(np.arange(1, len(env.episodes) + 1, dtype=np.float32))

    agent.explore(6, after_episode)
    rewards = agent._model.replay_buffer.rewards[:, 0]
    assert rewards[:12].tolist() == [0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6]
    assert not rewards[12:].any()


def test_rewards_without_relabelling_are_the_environments() -> None:
    """The replay buffer holds each episode's reward at its last step."""
    env = environment()
    agent = Agent(env, seed=0, random_episodes=2)
    agent.explore(5, lambda: None)
    rewards = agent._model.replay_buffer.rewards[:10, 0]
    assert rewards[1::2].tolist() == pytest.approx([outcome.accuracy for _, outcome in env.episodes])
    assert not rewards[::2].any()


def test_the_agent_learns() -> None:
    """On an easy landscape the later episodes are better than the random first ones."""
    env = environment()
    Agent(env, seed=1, random_episodes=20).explore(120, lambda: None)
    accuracy = [outcome.accuracy for _, outcome in env.episodes]
    assert np.mean(accuracy[-20:]) > np.mean(accuracy[:20]) + 0.1


def test_noise_shrinks_with_every_episode() -> None:
    """Exploration narrows by its factor at each reset, down to a floor; a seed repeats it."""
    noise = DecayingNoise(0, width=1.0, decay=0.5, floor=0.1)
    widths = []
    for _ in range(6):
        widths.append(np.std([noise() for _ in range(2000)]))
        noise.reset()
    assert widths == pytest.approx([1.0, 0.5, 0.25, 0.125, 0.1, 0.1], rel=0.1)
    assert DecayingNoise(7)() == DecayingNoise(7)()
