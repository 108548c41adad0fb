"""The agent: one of Stable-Baselines3's, with AMC's exploration and rewards that can be recomputed.

When LRE is refitted or TAR's weight changes, rewards in the replay buffer are recomputed, so that the agent never
learns from stale ones.  Every step of an episode gets the episode's reward and is terminal: the critic learns the Monte
Carlo return of each decision, instead of bootstrapping the final reward back along the walk, for which a search has too
few episodes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import gymnasium
import numpy as np
import stable_baselines3
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.logger import Logger

from spear_deploy.execution import PrivateRandom
from spear_deploy.search.methods.spear.walk import OBSERVATIONS, Walk
from spear_deploy.search.space import KeepCounts

BATCH = 64
Transition = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]
"""A step of a walk: observation, action and next observation."""


@dataclass(frozen=True)
class Algorithm:
    """A class of Stable-Baselines3 and how it is used.

    With ``is_noisy``, noise is added to its actions.  Between episodes the critic takes ``gradient_steps``, and the
    actor every ``policy_delay``-th of them.  ``options`` are passed to the class.
    """

    name: str
    is_noisy: bool
    gradient_steps: int
    policy_delay: int = 1
    options: Mapping[str, Any] = field(default_factory=dict)


# AMC's actor learns at a tenth of the critic's rate; here it takes every fourth step.  With every step DDPG's actor
# outruns its critic, and saturates at an end of the range for one seed in four.
ALGORITHMS: Mapping[str, Algorithm] = {
    "ddpg": Algorithm("DDPG", is_noisy=True, gradient_steps=8, policy_delay=4),
    "td3": Algorithm("TD3", is_noisy=True, gradient_steps=8, policy_delay=4),
    "sac": Algorithm("SAC", is_noisy=False, gradient_steps=6, options={"ent_coef": "auto_0.1", "target_entropy": -2.0}),
}
"""Algorithms by name: Lillicrap et al. 2016, Fujimoto et al. 2018, Haarnoja et al. 2018."""


class DecayingNoise:
    """Gaussian exploration noise whose width decays with every episode.

    AMC (He et al. 2018, section 4.1) uses a truncated Gaussian of width 0.5 that decays by 0.95.  Here the width is
    0.3, since actions are relative to the target; it decays by 0.98 and not below 0.05, since a search has 160 episodes
    instead of 800; and it is not truncated, since actions are clipped to their range anyway.
    """

    def __init__(self, seed: int, width: float = 0.3, decay: float = 0.98, least: float = 0.05) -> None:
        self._rng = np.random.default_rng(seed)
        self._width, self._decay, self._least = width, decay, least

    def draw(self, widening: float = 1.0) -> float:
        """Return one draw, ``widening`` times as wide as usual."""
        return float(self._rng.normal(0.0, widening * max(self._width, self._least)))

    def shrink(self) -> None:
        """Shrink the width, after each episode."""
        self._width *= self._decay


class Agent:
    """Chooses the actions of an episode, and learns from its reward.

    The first ``random_episodes`` are random.  Stable-Baselines3 uses global random states, for which the agent
    substitutes its own.
    """

    def __init__(
        self, groups: int, *, seed: int, random_episodes: int, most_episodes: int, algorithm: str = "ddpg"
    ) -> None:
        self.algorithm = ALGORITHMS[algorithm]
        self._groups, self._random_episodes = groups, random_episodes
        self._noise, self._rng = DecayingNoise(seed), np.random.default_rng(seed)
        self._random = PrivateRandom(seed)
        self._episodes = 0
        with self._random.active():
            self._model = getattr(stable_baselines3, self.algorithm.name)(
                "MlpPolicy",
                _Spaces(),
                learning_rate=1e-3,
                buffer_size=most_episodes * groups,
                batch_size=BATCH,
                tau=0.01,
                policy_kwargs={"net_arch": [64, 64]},
                seed=seed,
                device="cpu",
                **self.algorithm.options,
            )
        self._model.policy_delay = self.algorithm.policy_delay  # DDPG's constructor has no such option
        self._model.set_logger(Logger(folder=None, output_formats=[]))

    def walk(self, walk: Walk, widening: float = 1.0) -> list[Transition]:
        """Decide all groups; return the steps.  The noise is ``widening`` times as wide as usual."""
        return _transitions(walk, lambda observation: self._action(observation, widening))

    def remember(self, steps: Sequence[Transition]) -> None:
        """Add an episode to the replay buffer, without its reward."""
        for before, action, after in steps:
            self._buffer.add(before[None], after[None], action[None], np.zeros(1, np.float32), np.ones(1, bool), [{}])
        self._episodes += 1
        if self._episodes > self._random_episodes:
            self._noise.shrink()

    def learn(self, rewards: NDArray[np.float32]) -> None:
        """Take the rewards of all episodes so far, in order, and learn from the replay buffer."""
        self._buffer.rewards[: len(rewards) * self._groups, 0] = np.repeat(rewards, self._groups)
        if self._episodes >= self._random_episodes:
            with self._random.active():
                self._model.train(gradient_steps=self.algorithm.gradient_steps, batch_size=BATCH)

    @property
    def _buffer(self) -> Any:
        return self._model.replay_buffer

    def _action(self, observation: NDArray[np.float32], widening: float) -> float:
        if self._episodes < self._random_episodes:
            return float(self._rng.uniform(-1, 1))
        with self._random.active():
            chosen, _ = self._model.predict(observation[None], deterministic=self.algorithm.is_noisy)
        noise = self._noise.draw(widening) if self.algorithm.is_noisy or widening > 1 else 0.0
        return float(np.clip(chosen[0, 0] + noise, -1, 1))


def replay(walk: Walk, counts: KeepCounts) -> list[Transition]:
    """Return the steps of a walk to given widths."""
    return _transitions(walk, lambda _: walk.action_for(counts))


def _transitions(walk: Walk, act: Callable[[NDArray[np.float32]], float]) -> list[Transition]:
    """Decide all groups by the actions that ``act`` returns for observations; return the steps."""
    steps = []
    while not walk.is_done:
        before = walk.observation()
        action = np.array([act(before)], np.float32)
        walk.decide(float(action[0]))
        steps.append((before, action, walk.observation()))
    return steps


class _Spaces(gymnasium.Env[NDArray[np.float32], NDArray[np.float32]]):
    """The spaces of observations and actions; Stable-Baselines3 takes them from an environment only."""

    def __init__(self) -> None:
        self.action_space = spaces.Box(-1.0, 1.0, (1,), np.float32)
        self.observation_space = spaces.Box(-1.0, 2.0, (OBSERVATIONS,), np.float32)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        """Return a first observation; the environment is never run."""
        super().reset(seed=seed)
        return np.zeros(OBSERVATIONS, np.float32), {}
