"""Widths that fit the chip, by the chip's own rule: memory is freed in steps, and a removal within a step frees none.

A layer of 33 channels may take the memory of 64: the thirty-third costs as much as the 32 before it, and one of 64 that
goes frees nothing.  So what a removal frees is not reckoned: the target places the narrower network, by its shapes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from math import inf, log, nextafter
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from spear_deploy.network.units import Units, widest
from spear_deploy.search.importance import most_important
from spear_deploy.search.space import STAGE, KeepCounts, Space

if TYPE_CHECKING:
    from spear_deploy.search.cost import SynopsCost

_SLICE = 16
"""A step narrows a group by a part of this many at least where that frees more: placing takes time."""


def towards_fitting(
    space: Space, importance: Mapping[str, NDArray[np.float64]], cost: SynopsCost, counts: KeepCounts
) -> dict[str, Units]:
    """Return the units that are left at widths that fit, or on the way there as far as a stage goes."""
    widths = fitting_widths(space, importance, counts)
    while True:
        left = {name: most_important(importance[name], count) for name, count in widths.items()}
        if cost.of(left) >= STAGE * cost.total or all(counts[name] - count <= 1 for name, count in widths.items()):
            return left
        widths = {name: (counts[name] + count + 1) // 2 for name, count in widths.items()}


def fitting_widths(space: Space, importance: Mapping[str, NDArray[np.float64]], counts: KeepCounts) -> KeepCounts:
    """Return widths of at most ``counts`` that fit, or the last ones that came nearer to that.

    Two ways are compared by the importance that they lose, as logarithms of what the groups keep of theirs: one group
    alone is narrowed until all fits, or step follows step, each by the group that loses least for what it frees.
    """
    ranked = {name: np.cumsum(np.sort(importance[name])[::-1]) for name in counts}

    def lost(left: KeepCounts) -> float:
        return sum(_lost(ranked[name], count, left[name]) for name, count in counts.items())

    alone = [{**counts, name: left} for name, left in _narrowed(space, counts, 0.0).items()]
    ways = [*alone, _in_steps(space, counts, lost)]
    return min([each for each in ways if space.fits(each)] or ways[-1:], key=lost)


def _in_steps(space: Space, counts: KeepCounts, lost: Callable[[KeepCounts], float]) -> KeepCounts:
    """Narrow one group after the other; ``lost`` tells what widths lose."""
    while (missing := space.beyond(counts)) > 0:
        steps = [{**counts, name: left} for name, left in _steps(space, counts, missing).items()]
        if not steps:
            break
        prices = [(lost(each) - lost(counts)) / (missing - space.beyond(each)) for each in steps]
        counts = steps[int(np.argmin(prices))]
    return counts


def _steps(space: Space, counts: KeepCounts, missing: float) -> dict[str, int]:
    """Return the width of each group that its next step leaves; those that free nothing are left out."""
    found = _narrowed(space, counts, nextafter(missing, 0.0))
    for name, left in found.items():
        slimmer = max(space.smallest[name], counts[name] - counts[name] // _SLICE)
        if slimmer < left and space.beyond({**counts, name: slimmer}) < space.beyond({**counts, name: left}):
            found[name] = slimmer
    return found


def _narrowed(space: Space, counts: KeepCounts, most: float) -> dict[str, int]:
    """Return the largest narrower width of each group that leaves ``most`` of what is missed, where there is one."""
    found = {}
    for name, least in space.smallest.items():
        left = widest(counts[name], partial(_helps, space, counts, name, most), least)
        if left is not None:
            found[name] = left
    return found


def _helps(space: Space, counts: KeepCounts, name: str, most: float, left: int) -> bool:
    return space.beyond({**counts, name: left}) <= most


def _lost(ranked: NDArray[np.float64], before: int, after: int) -> float:
    """Return the logarithm of what a group keeps less of its importance, whose sums from the largest are ``ranked``."""
    kept, left = float(ranked[before - 1]), float(ranked[after - 1])
    return log(kept / left) if left > 0 else inf if kept > 0 else 0.0
