"""SPEAR's search (Xie et al. 2025, arXiv 2507.02945): DDPG walks the groups under the target-aware reward TAR."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from spear_deploy.search.methods.protocol import Outcome, Proposal, Task
from spear_deploy.search.methods.spear.agent import Agent
from spear_deploy.search.methods.spear.tar import TAR
from spear_deploy.search.methods.spear.walk import Walk


class Spear:
    """SPEAR (arXiv 2507.02945): a DDPG agent chooses a keep ratio for each layer under the target-aware reward.

    A quarter of the episodes, the first ones, is drawn at random.
    """

    def __init__(self, task: Task) -> None:
        self.task = task
        self.tar = TAR(task.target)
        self.agent = Agent(
            len(task.space.groups),
            seed=task.execution.seed,
            random_episodes=task.first // 4,
            most_episodes=task.evaluations,
        )
        self._outcomes: list[Outcome] = []

    def ask(self) -> Proposal:
        """Return the network of the next episode."""
        walk = Walk(self.task.space)
        self.agent.walk(walk)
        return Proposal(walk.counts)

    def tell(self, proposal: Proposal, outcome: Outcome) -> None:
        """Move TAR's weight; all rewards in the replay buffer follow, and the agent learns from them."""
        self._outcomes.append(outcome)
        self.tar = self.tar.after_episode(self.task.predict(outcome.synops))
        self.agent.learn(np.array([self.merit(each) for each in self._outcomes], np.float32))

    def merit(self, outcome: Outcome) -> float:
        """Return the reward."""
        return self.tar.reward(outcome.accuracy, self.task.predict(outcome.synops))

    def figures(self) -> Mapping[str, Any]:
        """Return the best reward, and the weight that TAR ended with."""
        best = max((self.merit(outcome) for outcome in self._outcomes), default=None)
        return {"best_reward": best, "tar_weight": self.tar.weight}
