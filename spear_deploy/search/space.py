"""What a search chooses: how many units each prunable group keeps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import log
from typing import TypeAlias

from spear_deploy.network.units import Units

KeepCounts: TypeAlias = Mapping[str, int]
"""How many units each group keeps."""


STAGE = 0.75
"""The share of the SynOps that a stage of gradual pruning leaves."""
CLOSE = 1.05
"""So near the target there is no further stage: fine-tuning presses the rest."""


def stages_to(share: float) -> int:
    """Return about how many stages lead to a share of the SynOps."""
    return max(1, round(log(max(share, 1e-3)) / log(STAGE)))


@dataclass(frozen=True)
class PrunableGroup:
    """A group as a method sees it: number of units, fan-in of a unit, share of all SynOps it causes."""

    name: str
    units: int
    fan_in: int
    synops_share: float
    is_map: bool


@dataclass(frozen=True)
class Space:
    """The groups in execution order, the smallest keep ratio, and by how much a network misses what is known unrun.

    ``beyond`` tells it of budgets that a placement tells, such as cores, and of the chip's memories: 0 where all fits.
    """

    groups: tuple[PrunableGroup, ...]
    lowest: float
    beyond: Callable[[KeepCounts], float]

    def fits(self, counts: KeepCounts) -> bool:
        """Say whether a network fits."""
        return self.beyond(counts) <= 0

    @property
    def units(self) -> dict[str, int]:
        """Number of units of each group."""
        return {group.name: group.units for group in self.groups}

    def at_ratio(self, ratio: float) -> KeepCounts:
        """Return what every group keeps at one ratio for all."""
        return {group.name: keep_count(group.units, ratio) for group in self.groups}

    @property
    def smallest(self) -> KeepCounts:
        """The smallest network that may be built."""
        return self.at_ratio(self.lowest)


def counts_of(kept: Mapping[str, Units]) -> dict[str, int]:
    """Return how many units of each group are kept."""
    return {name: len(units) for name, units in kept.items()}


def keep_count(units: int, ratio: float) -> int:
    """Return how many of ``units`` a ratio keeps: at least one."""
    return min(units, max(1, round(units * ratio)))


def widest_uniform(space: Space, is_within: Callable[[KeepCounts], bool]) -> KeepCounts:
    """Return the largest widths of one ratio for all groups that are within a target and fit, by bisection."""
    low, high, best = space.lowest, 1.0, space.smallest
    while True:
        ratio = (low + high) / 2
        counts = space.at_ratio(ratio)
        if counts in (space.at_ratio(low), space.at_ratio(high)) and high - low < _FINEST:
            return best
        if is_within(counts) and space.fits(counts):
            low, best = ratio, counts
        else:
            high = ratio


_FINEST = 1e-4
"""Ratios nearer to each other than this keep the same units of any group that a chip holds."""
