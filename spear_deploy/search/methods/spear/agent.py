"""The agent: Stable-Baselines3's DDPG, with AMC's exploration and a reward that can be judged anew.

When LRE is refitted or TAR's weight moves, rewards already in the replay buffer are computed again, so that
the agent does not learn from stale verdicts.
"""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3 import DDPG
from stable_baselines3.common.logger import Logger

from spear_deploy.execution import PrivateRandom
from spear_deploy.search.methods.spear.walk import OBSERVATIONS, Walk

_BATCH, _GRADIENT_STEPS = 64, 8


class DecayingNoise:
    """Gaussian exploration noise whose width shrinks by a factor with every episode.

    AMC (He et al. 2018, section 4.1) draws from a truncated Gaussian of width 0.5 that shrinks by 0.95.  Here it is
    1.0 and 0.98, not truncated, and never below 0.05: a search of 160 episodes, not 400, whose actions are clipped to
    their range anyhow.  These numbers were chosen, not measured.
    """

    def __init__(self, seed: int, width: float = 1.0, decay: float = 0.98, least: float = 0.05) -> None:
        self._rng = np.random.default_rng(seed)
        self._width, self._decay, self._least = width, decay, least

    def draw(self) -> NDArray[np.float32]:
        """Return one draw: (1,)."""
        return self._rng.normal(0.0, max(self._width, self._least), size=(1,)).astype(np.float32)

    def shrink(self) -> None:
        """Shrink the width, before each episode."""
        self._width *= self._decay


class Agent:
    """DDPG that is asked for the actions of an episode, and told its reward.

    The first ``random_episodes`` are drawn at random.  Stable-Baselines3 draws from global random states: here they
    are the agent's own.
    """

    def __init__(self, groups: int, *, seed: int, random_episodes: int, most_episodes: int) -> None:
        self._groups, self._random_episodes = groups, random_episodes
        self._noise = DecayingNoise(seed)
        self._random = PrivateRandom(seed)
        self._episodes = 0
        with self._random.active():
            self._model = DDPG(
                "MlpPolicy",
                _Spaces(),
                learning_rate=1e-3,
                buffer_size=most_episodes * groups,
                batch_size=_BATCH,
                tau=0.01,
                gamma=1.0,  # AMC: every step of an episode is worth the episode's reward
                policy_kwargs={"net_arch": [128, 128]},
                seed=seed,
                device="cpu",
            )
        self._model.set_logger(Logger(folder=None, output_formats=[]))

    def walk(self, walk: Walk) -> None:
        """Decide all groups, and remember each step without its reward."""
        policy, buffer = self._model.policy, self._model.replay_buffer
        assert buffer is not None
        self._noise.shrink()
        while not walk.is_done:
            before = walk.observation()
            if self._episodes < self._random_episodes:
                drawn = np.array([self._model.action_space.sample()])
            else:
                drawn, _ = self._model.predict(before[None], deterministic=False)
            stored = np.clip(policy.scale_action(drawn) + self._noise.draw(), -1, 1)
            walk.decide(float(policy.unscale_action(stored)[0, 0]))
            done = np.array([walk.is_done])
            reward = np.zeros(1, np.float32)
            buffer.add(before[None], walk.observation()[None], stored, reward, done, [{}])
        self._episodes += 1

    def learn(self, rewards: NDArray[np.float32]) -> None:
        """Take the rewards of all episodes so far, in order, and learn from the replay buffer."""
        buffer = self._model.replay_buffer
        assert buffer is not None
        last_steps = np.arange(1, len(rewards) + 1) * self._groups - 1
        buffer.rewards[last_steps, 0] = rewards
        if self._episodes > self._random_episodes:
            with self._random.active():
                self._model.train(gradient_steps=_GRADIENT_STEPS, batch_size=_BATCH)


class _Spaces(gymnasium.Env[NDArray[np.float32], NDArray[np.float32]]):
    """What the agent observes and does; Stable-Baselines3 takes spaces of an environment only."""

    def __init__(self) -> None:
        self.action_space = spaces.Box(-1.0, 1.0, (1,), np.float32)
        self.observation_space = spaces.Box(-1.0, 2.0, (OBSERVATIONS,), np.float32)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        """Return a first observation: nothing is ever run here."""
        super().reset(seed=seed)
        return np.zeros(OBSERVATIONS, np.float32), {}
