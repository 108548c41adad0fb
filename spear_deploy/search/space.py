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
"""Within this multiple of the target there is no further stage: fine-tuning does the rest."""


def stages_to(share: float) -> int:
    """Return about how many stages it takes to reach a share of the SynOps."""
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
    """The search space: the groups in execution order, and the ``lowest`` keep ratio.

    ``beyond`` returns by how much a network exceeds what its placement alone determines: budgets such as cores, and the
    chip's memories; 0 if everything fits.
    """

    groups: tuple[PrunableGroup, ...]
    lowest: float
    beyond: Callable[[KeepCounts], float]

    def fits(self, counts: KeepCounts) -> bool:
        """Whether a network fits the chip and the budgets of its placement."""
        return self.beyond(counts) <= 0

    @property
    def units(self) -> dict[str, int]:
        """Number of units of each group."""
        return {group.name: group.units for group in self.groups}

    def at_ratio(self, ratio: float) -> KeepCounts:
        """Return the keep counts at one ratio for all groups."""
        return {group.name: keep_count(group.units, ratio) for group in self.groups}

    @property
    def smallest(self) -> KeepCounts:
        """The smallest network that may be built."""
        return self.at_ratio(self.lowest)


def counts_of(kept: Mapping[str, Units]) -> dict[str, int]:
    """Return how many units of each group are kept."""
    return {name: len(units) for name, units in kept.items()}


def keep_count(units: int, ratio: float) -> int:
    """Return how many of ``units`` are kept at a ratio: at least one."""
    return min(units, max(1, round(units * ratio)))


def widest_uniform(space: Space, is_within: Callable[[KeepCounts], bool]) -> KeepCounts:
    """Return the widths at the largest common ratio that is within a target and fits, by bisection."""
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
"""Ratios closer than this give the same counts in any group that fits a chip."""
