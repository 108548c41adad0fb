"""The search as a Gymnasium environment: conventions, clipping to the budgets, determinism."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping

import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env as check_with_gymnasium
from hypothesis import given
from hypothesis import strategies as st
from stable_baselines3.common.env_checker import check_env as check_with_sb3

from spear_deploy.search.methods.spear.environment import KeepCounts, KeepRatios, Layer, Outcome, keep_count

LAYERS = (Layer("a", 16, 9, 0.2, True), Layer("b", 32, 144, 0.5, True), Layer("c", 64, 512, 0.3, False))


def environment(
    fits: Callable[[KeepCounts], bool] = lambda counts: True, layers: tuple[Layer, ...] = LAYERS, lowest: float = 0.1
) -> KeepRatios:
    """An environment whose networks are as accurate, and cost as much, as the share of units that they keep."""
    units = sum(layer.units for layer in layers)

    def evaluate(counts: KeepCounts) -> Outcome:
        share = sum(counts.values()) / units
        return Outcome(accuracy=share, synops=share)

    return KeepRatios(layers, evaluate, lambda outcome: outcome.accuracy - outcome.synops**2, fits, lowest)


def episode(env: KeepRatios, actions: list[float]) -> tuple[Mapping[str, int], list[np.ndarray], list[float]]:
    """Run one episode; return its counts, observations and rewards."""
    observations, rewards = [env.reset()[0]], []
    for index, action in enumerate(actions):
        observation, reward, done, truncated, _ = env.step(np.array([action], np.float32))
        observations.append(observation)
        rewards.append(reward)
        assert (done, truncated) == (index == len(actions) - 1, False)
    return env.episodes[-1][0], observations, rewards


def test_gymnasium_accepts_it() -> None:
    """Gymnasium's own checker finds nothing to object to."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check_with_gymnasium(environment(), skip_render_check=True)


def test_stable_baselines_accepts_it() -> None:
    """The checker of Stable-Baselines3 passes without a warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_with_sb3(environment())


def test_actions_map_to_keep_ratios() -> None:
    """-1 keeps the lowest ratio, 1 keeps all, 0 the middle; beyond the bounds the action is cut off."""
    assert episode(environment(), [-1, 0, 1])[0] == {"a": 2, "b": 18, "c": 64}
    assert episode(environment(), [-7, 7, 0])[0] == {"a": 2, "b": 32, "c": 35}
    assert episode(environment(lowest=0.5), [-1, -1, -1])[0] == {"a": 8, "b": 16, "c": 32}


def test_reward_comes_at_the_end() -> None:
    """All steps but the last give 0; the last gives the reward of the evaluated network."""
    counts, _, rewards = episode(environment(), [0.5, 0.5, 0.5])
    share = sum(counts.values()) / 112
    assert rewards == [0.0, 0.0, pytest.approx(share - share**2)]


def test_episodes_are_recorded_in_order() -> None:
    """Every finished episode is kept with its outcome; an abandoned one is not."""
    env = environment()
    first = episode(env, [1, 1, 1])[0]
    env.reset()
    env.step(np.array([0.0], np.float32))
    second = episode(env, [-1, -1, -1])[0]
    assert [counts for counts, _ in env.episodes] == [first, second]
    assert env.episodes[0][1] == Outcome(1.0, 1.0)


def test_observations_describe_layer_and_decisions() -> None:
    """Position, kind, units, fan-in and share of the layer; what was saved, what is left, the last decision."""
    _, observations, _ = episode(environment(), [-1, 0, 1])
    np.testing.assert_allclose(observations[0], [0, 1, 16 / 64, 9 / 512, 0.2, 0, 1.0, 1.0], rtol=1e-6)
    saved = 0.2 * (1 - 2 / 16)
    np.testing.assert_allclose(observations[1], [0.5, 1, 0.5, 144 / 512, 0.5, saved, 0.8, 2 / 16], rtol=1e-6)
    saved += 0.5 * (1 - 18 / 32)
    np.testing.assert_allclose(observations[2], [1, 0, 1, 1, 0.3, saved, 0.3, 18 / 32], rtol=1e-6)


@given(st.lists(st.floats(-1, 1), min_size=3, max_size=3))
def test_observations_lie_in_their_space(actions: list[float]) -> None:
    """Whatever is decided, every observation belongs to the declared space."""
    env = environment()
    assert all(env.observation_space.contains(observation) for observation in episode(env, actions)[1])


@given(st.lists(st.floats(-1, 1), min_size=3, max_size=3), st.integers(2 + 3 + 6, 112))
def test_a_budget_is_never_exceeded(actions: list[float], budget: int) -> None:
    """Where the smallest network fits, every network that the search builds fits, and no less than needed is kept."""
    env = environment(lambda counts: sum(counts.values()) <= budget)
    free = episode(environment(), actions)[0]
    counts = episode(env, actions)[0]
    assert sum(counts.values()) <= budget
    assert all(counts[name] <= free[name] for name in counts)
    if sum(free.values()) <= budget:
        assert counts == free


def test_clipping_leaves_as_much_as_fits() -> None:
    """A clipped layer keeps exactly what is left when those behind it take their smallest."""
    env = environment(lambda counts: sum(counts.values()) <= 40)
    assert episode(env, [1, 1, 1])[0] == {"a": 16, "b": 18, "c": 6}


def test_impossible_budgets_give_the_smallest_network() -> None:
    """Where nothing fits, the smallest network is built rather than none."""
    env = environment(lambda counts: False)
    assert episode(env, [1, 1, 1])[0] == env.smallest() == {"a": 2, "b": 3, "c": 6}


def test_equal_actions_give_equal_episodes() -> None:
    """Nothing in the environment is random."""
    actions = [0.3, -0.2, 0.9]
    one, two = episode(environment(), actions), episode(environment(), actions)
    assert one[0] == two[0]
    assert one[2] == two[2]
    np.testing.assert_array_equal(one[1], two[1])


def test_a_single_layer() -> None:
    """A network with one group is an episode of one step."""
    assert episode(environment(layers=(Layer("only", 5, 3, 1.0, False),)), [0.0])[0] == {"only": 3}


@given(st.integers(1, 500), st.floats(0, 1))
def test_keep_count(units: int, ratio: float) -> None:
    """A ratio keeps at least one unit, at most all, and otherwise the nearest number."""
    count = keep_count(units, ratio)
    assert 1 <= count <= units
    assert count == 1 or abs(count - units * ratio) <= 0.5
