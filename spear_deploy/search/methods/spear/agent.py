"""The agent: Stable-Baselines3's DDPG, with AMC's exploration and a reward that can be judged anew.

When LRE is refitted or TAR's weight moves, rewards already in the replay buffer are computed again, so that
the agent does not learn from stale verdicts.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from stable_baselines3 import DDPG
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.noise import ActionNoise

from spear_deploy.search.methods.spear.environment import KeepRatios


class DecayingNoise(ActionNoise):
    """Gaussian exploration noise whose width shrinks by a factor with every episode (AMC: 0.5 * 0.95^k)."""

    def __init__(self, seed: int, width: float = 1.0, decay: float = 0.98, floor: float = 0.05) -> None:
        super().__init__()
        self._rng = np.random.default_rng(seed)
        self._width, self._decay, self._floor = width, decay, floor

    def __call__(self) -> NDArray[np.float32]:
        """Return one draw: (1,)."""
        return self._rng.normal(0.0, max(self._width, self._floor), size=(1,)).astype(np.float32)

    def reset(self) -> None:
        """Shrink the width at the end of an episode."""
        self._width *= self._decay


class Agent:
    """DDPG on the keep-ratio environment; :meth:`explore` may be called again and goes on where it stopped."""

    def __init__(
        self, environment: KeepRatios, *, seed: int, random_episodes: int, most_episodes: int = 10_000
    ) -> None:
        self._layers = len(environment.layers)
        self._environment = environment
        self._model = DDPG(
            "MlpPolicy",
            environment,
            learning_rate=1e-3,
            buffer_size=most_episodes * self._layers,
            learning_starts=random_episodes * self._layers,
            batch_size=64,
            tau=0.01,
            gamma=1.0,  # AMC: every step of an episode is worth the episode's reward
            train_freq=(1, "episode"),
            gradient_steps=8,
            action_noise=DecayingNoise(seed),
            policy_kwargs={"net_arch": [128, 128]},
            seed=seed,
            device="cpu",
        )

    def explore(self, episodes: int, after_episode: Callable[[], None]) -> None:
        """Run episodes; ``after_episode`` is called after each (progress, adaptation of the reward)."""
        self._model.learn(
            total_timesteps=episodes * self._layers,
            callback=_AfterEpisode(after_episode),
            reset_num_timesteps=False,
        )

    def relabel(self, rewards: NDArray[np.float32]) -> None:
        """Replace the rewards of all finished episodes, in order: (episodes,)."""
        buffer = self._model.replay_buffer
        assert buffer is not None
        terminal = np.arange(1, len(rewards) + 1) * self._layers - 1
        buffer.rewards[terminal, 0] = rewards


class _AfterEpisode(BaseCallback):
    """Calls back at the end of every episode, after its last step is in the replay buffer."""

    def __init__(self, call: Callable[[], None]) -> None:
        super().__init__()
        self._call = call

    def _on_step(self) -> bool:
        return True

    def _on_rollout_end(self) -> None:
        self._call()
