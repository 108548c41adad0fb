"""The objective of methods that sample: the score of a network, minus a penalty for missing the target.

With d = log(predicted / target), the distance from the target in SynOps::

    R = score - weight * d^2 / (d^2 + width^2),   width = 0.1 above the target (d > 0), 0.4 below it

The penalty is 0 at the target and bounded by 1, so that it never hides the score.  It rises strictly on both sides, so
that there is a gradient everywhere: slowly at first, since widths are whole numbers and miss the target by a percent or
two, and faster above, where a budget is missed, than below, where part of it is unused.  Scores lie in 0..1: with a
weight of 1, a perfect network at 1.5 times the target (penalty 0.94) loses to any network at the target that scores
0.07.  The penalty's widths were chosen on synthetic networks (docs/methods/spear.md).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log
from typing import Any

from spear_deploy.search.protocol import Outcome, Proposal, Task

History = Sequence[tuple[Proposal, Outcome]]
"""Proposals and their outcomes, in order."""

WIDTH_ABOVE, WIDTH_BELOW = 0.1, 0.4
"""Distances from the target at which the penalty is a half."""
_NEAR = 0.12
"""Relative distance within which a network counts as near the target."""
_SMALLEST = 1e-9


def distance(predicted: float, target: float) -> float:
    """Return log(predicted / target)."""
    return log(max(predicted, _SMALLEST) / max(target, _SMALLEST))


def reward(score: float, predicted: float, target: float, weight: float = 1.0) -> float:
    """Return R for a score (0..1), predicted SynOps and a target (both shares of the unpruned network's)."""
    apart = distance(predicted, target)
    width = WIDTH_ABOVE if apart > 0 else WIDTH_BELOW
    return score - weight * apart**2 / (apart**2 + width**2)


def reward_of(task: Task, proposal: Proposal, outcome: Outcome) -> float:
    """Return R of a proposal with the SynOps that LRE predicts now."""
    return reward(outcome.score, task.predict(proposal, outcome), task.target)


def search_figures(task: Task, history: History, rewards: Sequence[float]) -> Mapping[str, Any]:
    """Return figures of a search, as JSON: best reward, networks near the target, R and excess of each."""
    excess = [task.predict(*entry) / task.target - 1 for entry in history]
    return {
        "best_reward": max(rewards, default=None),
        "near_target": sum(abs(each) <= _NEAR for each in excess),
        "rewards": [round(each, 4) for each in rewards],
        "excess": [round(each, 4) for each in excess],
    }
