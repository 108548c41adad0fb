"""SPEAR's search (Xie et al. 2025, arXiv 2507.02945): an agent walks the groups under the target-aware reward TAR.

The first episodes replay known widths (``widths.starting_widths``), so that the replay buffer starts with the rewards
of the gradual path, uniform ratios, importance per SynOp and the unpruned network.  An eighth of the episodes is then
random (AMC: 100 of 800), and the rest are the agent's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spear_deploy.search.methods.spear.agent import Agent, Transition, replay
from spear_deploy.search.methods.spear.tar import TAR
from spear_deploy.search.methods.spear.walk import Walk
from spear_deploy.search.protocol import Outcome, Proposal, Task
from spear_deploy.search.space import KeepCounts
from spear_deploy.search.toolkit.objective import search_figures
from spear_deploy.search.toolkit.widths import Widths, starting_widths

_MOST_TRIES, WIDENING = 40, 1.1
"""A walk that ends at a network proposed before is repeated, each time with more noise."""

_CUT, _LEAST_DEVIATION = 5.0, 1e-3


class Spear:
    """SPEAR (arXiv 2507.02945): a DDPG agent chooses a keep ratio for each layer under the target-aware reward.

    TD3 and SAC can take the place of DDPG: ``algorithm`` is a name of ``agent.ALGORITHMS``.
    """

    def __init__(self, task: Task, algorithm: str = "ddpg") -> None:
        self.task, self.tar, self.widths = task, TAR(task.target), Widths(task)
        self._starts = list(starting_widths(self.widths))[: task.evaluations]
        self.agent = Agent(
            len(task.space.groups),
            seed=task.execution.seed,
            random_episodes=len(self._starts) + task.evaluations // 8,
            most_episodes=task.evaluations,
            algorithm=algorithm,
        )
        self.told: list[tuple[Proposal, Outcome]] = []
        self._seen: list[KeepCounts] = []

    def ask(self) -> Proposal | None:
        """Return the network of the next episode; None once evaluations are used up or nothing new is found."""
        if len(self.told) >= self.task.evaluations:
            return None
        for tries in range(_MOST_TRIES):
            counts, steps = self._episode(tries)
            if counts not in self._seen:
                self._seen.append(counts)
                self.agent.remember(steps)
                return Proposal(counts)
        return None

    def tell(self, proposal: Proposal, outcome: Outcome) -> None:
        """Update TAR's weight and all rewards in the replay buffer, and let the agent learn from them."""
        self.told.append((proposal, outcome))
        self.tar = self.tar.after_episode(self.task.predict(proposal, outcome))
        self.agent.learn(centred(np.array([self.merit(*each) for each in self.told])))

    def merit(self, proposal: Proposal, outcome: Outcome) -> float:
        """Return the reward."""
        return self.tar.reward(outcome.score, self.task.predict(proposal, outcome))

    def figures(self) -> Mapping[str, Any]:
        """Return reward and distance from the target by episode, and TAR's final weight."""
        rewards = [self.merit(*each) for each in self.told]
        algorithm = self.agent.algorithm.name.lower()
        return {
            **search_figures(self.task, self.told, rewards),
            "tar_weight": self.tar.weight,
            "algorithm": algorithm,
        }

    def _episode(self, tries: int) -> tuple[KeepCounts, list[Transition]]:
        walk = Walk(self.widths)
        steps = replay(walk, self._starts.pop(0)) if self._starts else self.agent.walk(walk, WIDENING**tries)
        return walk.counts, steps


def centred(rewards: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the rewards that the agent learns: (episodes,), standardised by the better half of them.

    Differences between good networks are small compared with those to bad ones, which are clipped at five deviations.
    """
    better = np.sort(rewards)[len(rewards) // 2 :]
    scaled = (rewards - better.mean()) / max(float(better.std()), _LEAST_DEVIATION)
    return np.asarray(np.clip(scaled, -_CUT, _CUT), np.float32)


def spear_td3(task: Task) -> Spear:
    """SPEAR with TD3 (Fujimoto et al. 2018) as its agent; here it proposes what DDPG does (docs/methods/spear.md)."""
    return Spear(task, algorithm="td3")


def spear_sac(task: Task) -> Spear:
    """SPEAR with SAC (Haarnoja et al. 2018) as its agent."""
    return Spear(task, algorithm="sac")
