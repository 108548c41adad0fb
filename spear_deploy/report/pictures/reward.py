"""The reward over the episodes of a search, where the method has one."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import accumulate
from typing import Any

from spear_deploy.report.pictures.svg import WIDE, Axis, Drawing, Frame, Sheet, curve, dot, short

_HEIGHT = 300
_LEFT, _ROOM, _TOP, _BOTTOM = 64, 24, 34, 246


def reward(report: Mapping[str, Any], sheet: Sheet = WIDE) -> Drawing | None:
    """Return the drawing; None for a method without rewards."""
    rewards = None if report["search"] is None else report["search"]["figures"].get("rewards")
    if not isinstance(rewards, list) or len(rewards) < 2 or not all(isinstance(r, int | float) for r in rewards):
        return None
    x, y = Axis(1, len(rewards), _LEFT, sheet.width - _ROOM), Axis.around(rewards, _BOTTOM, _TOP)
    frame = Frame(x, y, "episode", "reward")
    body = list(frame.draw([short(v) for v in x.ticks()], [short(v) for v in y.ticks()]))
    body += [dot("quiet-dot", x.at(index), y.at(each), 2.5) for index, each in enumerate(rewards, 1)]
    best = list(accumulate(rewards, max))
    body.append(curve("front", [(x.at(index), y.at(each)) for index, each in enumerate(best, 1)]))
    told = f"{len(rewards)} episodes, rewards from {min(rewards):.3f} to {max(rewards):.3f}"
    legend = (("quiet-dot", "an episode"), ("measured", "the best so far"))
    return Drawing("reward", "Reward over the episodes", told, _HEIGHT, tuple(body), legend, sheet=sheet)
