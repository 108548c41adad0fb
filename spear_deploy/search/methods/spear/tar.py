"""TAR: the target-aware reward.

SPEAR's own formula is not public.  Ours, with d = log(predicted / target) (objective.py has its widths)::

    R = score - weight * d^2 / (d^2 + width^2),     width = 0.1 for d > 0, 0.4 for d < 0

It is bounded (within weight of the score), two-sided, and steeper above the target, where a budget is missed, than
below, where it is partly unused.  With an unbounded penalty above the target only, and absolute ratios as actions, 1 to
11 of 160 episodes ended within 12 % of the target, and the agent collapsed to the smallest networks (see
docs/methods/spear.md).

The weight adapts by dual ascent over the episodes, within bounds and by bounded steps::

    weight <- clip(weight + step * clip(d, -1, 1), minimum, maximum)

so that it is just large enough that exceeding the target does not pay.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from spear_deploy.search.toolkit.objective import distance, reward


@dataclass(frozen=True)
class TAR:
    """The reward with its current weight; ``target`` is a share of the unpruned network's SynOps."""

    target: float
    weight: float = 1.0
    step: float = 0.05
    minimum: float = 0.5
    maximum: float = 2.0

    def reward(self, score: float, predicted: float) -> float:
        """Return the reward of a network of ``score`` (0..1) and ``predicted`` SynOps (a share)."""
        return reward(score, predicted, self.target, self.weight)

    def after_episode(self, predicted: float) -> TAR:
        """Return the reward with the weight updated after an episode that ended at ``predicted``."""
        moved = self.weight + self.step * min(1.0, max(-1.0, distance(predicted, self.target)))
        return replace(self, weight=min(self.maximum, max(self.minimum, moved)))
