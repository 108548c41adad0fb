"""Widths that fit the chip, found by placing them: memory is freed in steps, and a removal within a step frees none.

A layer of 33 channels may take the memory of 64: the thirty-third costs as much as the 32 before it, and removing one
of 64 frees nothing.  So freed memory is not calculated here: the target places the narrower network, by its shapes.
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
"""A step narrows a group by at least this fraction (1/16) if that frees more: each placement takes time."""


def towards_fitting(
    space: Space, importance: Mapping[str, NDArray[np.float64]], cost: SynopsCost, counts: KeepCounts
) -> dict[str, Units]:
    """Return the units left at widths that fit, or as far towards them as one stage goes."""
    widths = fitting_widths(space, importance, counts)
    while True:
        left = {name: most_important(importance[name], count) for name, count in widths.items()}
        if cost.of(left) >= STAGE * cost.total or all(counts[name] - count <= 1 for name, count in widths.items()):
            return left
        widths = {name: (counts[name] + count + 1) // 2 for name, count in widths.items()}


def fitting_widths(space: Space, importance: Mapping[str, NDArray[np.float64]], counts: KeepCounts) -> KeepCounts:
    """Return widths of at most ``counts`` that fit, or else the ones that came closest.

    Two ways are compared by the importance lost (the sum of log shares kept over the groups): one group alone is
    narrowed until everything fits, or groups are narrowed in turn, each step in the one that loses least per memory
    freed.
    """
    ranked = {name: np.cumsum(np.sort(importance[name])[::-1]) for name in counts}

    def lost(left: KeepCounts) -> float:
        return sum(_lost(ranked[name], count, left[name]) for name, count in counts.items())

    alone = [{**counts, name: left} for name, left in _narrowed(space, counts, 0.0).items()]
    ways = [*alone, _in_steps(space, counts, lost)]
    return min([each for each in ways if space.fits(each)] or ways[-1:], key=lost)


def _in_steps(space: Space, counts: KeepCounts, lost: Callable[[KeepCounts], float]) -> KeepCounts:
    """Narrow groups in turn until everything fits; ``lost`` gives the importance lost at given widths."""
    while (missing := space.beyond(counts)) > 0:
        steps = [{**counts, name: left} for name, left in _steps(space, counts, missing).items()]
        if not steps:
            break
        prices = [(lost(each) - lost(counts)) / (missing - space.beyond(each)) for each in steps]
        counts = steps[int(np.argmin(prices))]
    return counts


def _steps(space: Space, counts: KeepCounts, missing: float) -> dict[str, int]:
    """Return the width of each group after its next step; groups whose step frees nothing are left out."""
    found = _narrowed(space, counts, nextafter(missing, 0.0))
    for name, left in found.items():
        slimmer = max(space.smallest[name], counts[name] - counts[name] // _SLICE)
        if slimmer < left and space.beyond({**counts, name: slimmer}) < space.beyond({**counts, name: left}):
            found[name] = slimmer
    return found


def _narrowed(space: Space, counts: KeepCounts, most: float) -> dict[str, int]:
    """Return, by group, the largest narrower width at which at most ``most`` is still missing, if there is one."""
    found = {}
    for name, least in space.smallest.items():
        left = widest(counts[name], partial(_helps, space, counts, name, most), least)
        if left is not None:
            found[name] = left
    return found


def _helps(space: Space, counts: KeepCounts, name: str, most: float, left: int) -> bool:
    return space.beyond({**counts, name: left}) <= most


def _lost(ranked: NDArray[np.float64], before: int, after: int) -> float:
    """Return log(importance before / after) of a group; ``ranked`` are its cumulated importances, largest first."""
    kept, left = float(ranked[before - 1]), float(ranked[after - 1])
    return log(kept / left) if left > 0 else inf if kept > 0 else 0.0
