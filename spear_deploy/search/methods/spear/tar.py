"""TAR: the target-aware reward.

    R = accuracy - lambda * max(0, predicted / target - 1)

SPEAR's own formula is not public.  Ours is this one: beyond the target the penalty grows linearly, below
it accuracy alone counts.  The weight adapts while the constraint is violated (dual ascent on the search's
own episodes), so that it is as large as the accuracy gained by overspending makes necessary::

    lambda <- clip(lambda + eta * (predicted / target - 1), minimum, maximum)

The step and its bounds were chosen, not measured: accuracies lie within 0..1, so that a weight of 0.5 lets a network
twice too large win only by half of all samples, and at 20 no accuracy can pay for overspending by 5 %.
"""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class TAR:
    """The reward with its present weight; ``target`` is a share of the unpruned network's SynOps."""

    target: float
    weight: float = 1.0
    step: float = 0.1
    minimum: float = 0.5
    maximum: float = 20.0

    def reward(self, accuracy: float, predicted: float) -> float:
        """Return the reward of a network of ``accuracy`` (0..1) and ``predicted`` SynOps (a share)."""
        return accuracy - self.weight * max(0.0, predicted / self.target - 1.0)

    def after_episode(self, predicted: float) -> TAR:
        """Return the reward after an episode that ended at ``predicted``."""
        moved = self.weight + self.step * (predicted / self.target - 1.0)
        return replace(self, weight=min(self.maximum, max(self.minimum, moved)))
