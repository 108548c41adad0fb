"""Widths (keep counts) and their SynOps, computed without building a network.

A group keeps its most important units, so that counts determine the units, and prefix sums in that order their cost.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import exp, log

import numpy as np
from numpy.typing import NDArray

from spear_deploy.search.importance_share import importance_lost
from spear_deploy.search.protocol import Outcome, Proposal, Task
from spear_deploy.search.space import KeepCounts, keep_count

_SMALLEST = 1e-12
_HALVINGS = 14
"""Bisections of an interval of log ratios of at most 4: to 2.4e-4, finer than one unit of any group."""


@dataclass(frozen=True)
class _Sums:
    """Prefix sums of one projection: ``sent`` by the first source units, ``share`` of the first target units."""

    source: str | None
    target: str | None
    sent: tuple[float, ...]
    share: tuple[float, ...]


class Widths:
    """The SynOps of widths, as shares of the unpruned network's."""

    def __init__(self, task: Task) -> None:
        self.task, self.space = task, task.space
        self.order = {name: np.argsort(-np.asarray(task.importance[name]), kind="stable") for name in task.space.units}
        self._terms = tuple(
            _Sums(term.source, term.target, self._sums(term.source, term.sent), self._sums(term.target, term.share))
            for term in task.cost.terms
        )
        self._total = max(task.cost.total, _SMALLEST)

    @property
    def importance_share(self) -> dict[str, float]:
        """The share of all importance that each group holds."""
        held = {name: float(np.sum(self.task.importance[name])) for name in self.order}
        total = max(sum(held.values()), _SMALLEST)
        return {name: value / total for name, value in held.items()}

    def share(self, counts: KeepCounts) -> float:
        """Return the share of the SynOps before fine-tuning, by ``task.cost`` of the most important units."""
        terms = (_upto(t.sent, t.source, counts) * _upto(t.share, t.target, counts) for t in self._terms)
        return sum(terms) / self._total

    def predicted(self, counts: KeepCounts) -> float:
        """Return the share that LRE expects after fine-tuning."""
        return self.task.predict(Proposal(counts), Outcome(0.0, self.share(counts)))

    def saved(self, counts: KeepCounts) -> dict[str, float]:
        """Return the share of SynOps saved by removing the least important kept unit of each group."""
        saved = dict.fromkeys(counts, 0.0)
        for term in self._terms:
            last_sent, last_share = _last(term.sent, term.source, counts), _last(term.share, term.target, counts)
            if term.source in saved:
                saved[term.source] += last_sent * _upto(term.share, term.target, counts)
            if term.target in saved:
                saved[term.target] += last_share * _upto(term.sent, term.source, counts)
            if term.source is not None and term.source == term.target:
                saved[term.source] -= last_sent * last_share
        return {name: value / self._total for name, value in saved.items()}

    def is_within(self, counts: KeepCounts) -> bool:
        """Whether these widths are predicted to meet the target, and their placement fits."""
        return self.predicted(counts) <= self.task.target and self.space.fits(counts)

    def widest(self, positions: Mapping[str, float], fixed: KeepCounts | None = None) -> tuple[float, KeepCounts]:
        """Return the largest common ``shift`` of all positions that meets the target, and the widths there.

        ``fixed`` groups keep their counts.  If even the lowest ratios exceed the target, those are returned.
        """
        return self._bisect(lambda counts: self.predicted(counts) <= self.task.target, positions, 1.0, fixed)

    def widest_that_fits(self, positions: Mapping[str, float]) -> KeepCounts:
        """Return the same widths, or, if their placement does not fit, the widest below that do."""
        shift, counts = self.widest(positions)
        return counts if self.space.fits(counts) else self._bisect(self.space.fits, positions, shift)[1]

    def _bisect(
        self,
        is_within: Callable[[KeepCounts], bool],
        positions: Mapping[str, float],
        high: float,
        fixed: KeepCounts | None = None,
    ) -> tuple[float, KeepCounts]:
        low = -1.0
        if is_within(best := self.shifted(positions, high, fixed)):
            return high, best
        best = self.shifted(positions, low, fixed)
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            counts = self.shifted(positions, middle, fixed)
            if is_within(counts):
                low, best = middle, counts
            else:
                high = middle
        return low, best

    def shifted(self, positions: Mapping[str, float], shift: float, fixed: KeepCounts | None = None) -> KeepCounts:
        """Return the widths at these positions, all moved by the same shift."""
        return {**self.at({name: each + shift for name, each in positions.items()}), **(fixed or {})}

    def at(self, positions: Mapping[str, float]) -> KeepCounts:
        """Return the widths at positions from the lowest ratio (0) to all units (1), linear in log ratio."""
        units, depth = self.space.units, -log(max(self.space.lowest, _SMALLEST))
        return {n: keep_count(units[n], exp(-depth * (1 - min(1.0, max(0.0, p))))) for n, p in positions.items()}

    def positions(self, counts: KeepCounts) -> dict[str, float]:
        """Return the positions of widths (the inverse of :meth:`at`, up to rounding)."""
        units, depth = self.space.units, max(_SMALLEST, -log(max(self.space.lowest, _SMALLEST)))
        return {n: min(1.0, max(0.0, 1 + log(count / units[n]) / depth)) for n, count in counts.items()}

    def _sums(self, group: str | None, values: NDArray[np.float64]) -> tuple[float, ...]:
        ordered = [values.sum()] if group not in self.order else values[self.order[group]]
        return (0.0, *np.cumsum(ordered).tolist())


@dataclass(frozen=True)
class Removals:
    """A path from the unpruned network to the smallest: at each step one of ``groups`` loses its least important unit.

    ``worths`` are the importances lost at the steps, per share of the SynOps saved.
    """

    units: Mapping[str, int]
    groups: tuple[str, ...]
    worths: tuple[float, ...]

    def after(self, steps: int) -> KeepCounts:
        """Return the widths after a number of steps."""
        gone = self.groups[:steps]
        return {name: count - gone.count(name) for name, count in self.units.items()}

    def multiplier(self, steps: int) -> float:
        """Return the smallest Lagrangian multiplier that takes these steps: the largest worth among them."""
        return max(self.worths[:steps], default=0.0)


def removals(widths: Widths) -> Removals:
    """Return the path on which each step removes the unit with the least importance lost per SynOp saved.

    The importance lost (:func:`~spear_deploy.search.importance_share.importance_lost`) changes only when its own group
    loses a unit; the SynOps saved depend on the groups at the other ends of its projections too.
    """
    task, counts, smallest = widths.task, dict(widths.space.units), widths.space.smallest
    ordered = {name: np.asarray(task.importance[name])[order] for name, order in widths.order.items()}

    def lost_next(name: str) -> float:
        return float(importance_lost(ordered[name][: counts[name]])[-1])

    lost = {name: lost_next(name) for name in counts}
    path: list[tuple[str, float]] = []
    while open_groups := [name for name, count in counts.items() if count > smallest[name]]:
        saved = widths.saved(counts)
        worth = {name: lost[name] / max(saved[name], _SMALLEST) for name in open_groups}
        least = min(worth, key=lambda name: worth[name])
        counts[least] -= 1
        lost[least] = lost_next(least)
        path.append((least, worth[least]))
    return Removals(dict(widths.space.units), tuple(name for name, _ in path), tuple(worth for _, worth in path))


def cheapest_widths(widths: Widths) -> KeepCounts:
    """Return the first widths on the path of :func:`removals` that are within the target, or else the last."""
    path = removals(widths)
    steps = range(len(path.groups))
    return path.after(bisect_left(steps, True, key=lambda done: widths.is_within(path.after(done))))


def starting_widths(widths: Widths) -> Iterator[KeepCounts]:
    """Yield distinct widths to start from: those known, the cheapest by importance, the unpruned network."""
    seen: list[KeepCounts] = []
    for counts in (*widths.task.known, cheapest_widths(widths), widths.space.units):
        if dict(counts) not in seen and widths.space.fits(counts):
            seen.append(dict(counts))
            yield dict(counts)


def _upto(sums: Sequence[float], group: str | None, counts: KeepCounts) -> float:
    return sums[-1] if group is None or group not in counts else sums[counts[group]]


def _last(sums: Sequence[float], group: str | None, counts: KeepCounts) -> float:
    return 0.0 if group is None or group not in counts else sums[counts[group]] - sums[counts[group] - 1]
