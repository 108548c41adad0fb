"""What methods that sample maximise: the score of a network, less a penalty for missing the target.

With d = log(predicted / target), the distance from the target in SynOps::

    R = score - weight * d^2 / (d^2 + width^2),   width = 0.1 above the target (d > 0), 0.4 below it

The penalty is 0 at the target and below 1 everywhere: no network is so bad that its reward tells nothing else.  It
rises on both sides without ever being constant, so that there is a way back from anywhere; slowly at first, since
widths are whole numbers and miss the target by a percent or two, which must not drown the score; and faster above,
where a budget is missed, than below, where some of it is wasted.  Scores lie in 0..1: with a weight of 1 a perfect
network of 1.5 times the target (penalty 0.94) is beaten by any at the target that scores 0.07.  The widths were chosen
on synthetic networks (docs/methods/spear.md).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log
from typing import Any

from spear_deploy.search.protocol import Outcome, Proposal, Task

History = Sequence[tuple[Proposal, Outcome]]
"""What was proposed, and what it was worth, in order."""

WIDTH_ABOVE, WIDTH_BELOW = 0.1, 0.4
"""Distances from the target at which half of the penalty is reached."""
_NEAR = 0.12
"""A network this near the target (its excess, as a share) is counted as near it."""
_SMALLEST = 1e-9


def distance(predicted: float, target: float) -> float:
    """Return log(predicted / target)."""
    return log(max(predicted, _SMALLEST) / max(target, _SMALLEST))


def reward(score: float, predicted: float, target: float, weight: float = 1.0) -> float:
    """Return R of a network with that score (0..1) and predicted SynOps (a share, as the target)."""
    apart = distance(predicted, target)
    width = WIDTH_ABOVE if apart > 0 else WIDTH_BELOW
    return score - weight * apart**2 / (apart**2 + width**2)


def reward_of(task: Task, proposal: Proposal, outcome: Outcome) -> float:
    """Return R of a proposal under what LRE knows now."""
    return reward(outcome.score, task.predict(proposal, outcome), task.target)


def search_figures(task: Task, history: History, rewards: Sequence[float]) -> Mapping[str, Any]:
    """Return how a search went, as JSON: the best reward, how many networks came near, and each one's R and excess."""
    excess = [task.predict(*entry) / task.target - 1 for entry in history]
    return {
        "best_reward": max(rewards, default=None),
        "near_target": sum(abs(each) <= _NEAR for each in excess),
        "rewards": [round(each, 4) for each in rewards],
        "excess": [round(each, 4) for each in excess],
    }
