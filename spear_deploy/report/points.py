"""The points of a sweep, one deployment each; their Pareto front, and the smallest budget that loses little.

All is judged on the validation samples; what the test samples say stands beside it and decides nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from spear_deploy.report.wording import verdict


@dataclass(frozen=True)
class Figures:
    """Figures of a deployed network on one part of the data.

    Attributes:
        synops: a sample, the mean.
        accuracy: a share.
        drop: points of accuracy lost against the float network.
        drop_error: its standard error.
    """

    synops: float
    accuracy: float
    drop: float
    drop_error: float


@dataclass(frozen=True)
class Point:
    """One budget with one seed.

    Attributes:
        budget: as it was asked for, such as 50%.
        seed: of every random choice.
        folder: of the bundle, inside the sweep's.
        limit: the budget in SynOps a sample; None where it is not known.
        val, test: on the validation and on the test samples; None where no network could be built.
        cores: of the deployed network.
        within: whether all budgets are kept.
        error: what keeps it from being done, if anything.
    """

    budget: str
    seed: int
    folder: str
    limit: float | None = None
    val: Figures | None = None
    test: Figures | None = None
    cores: int | None = None
    within: bool = False
    error: str | None = None

    def loses_at_most(self, points: float) -> bool | None:
        """Whether the drop on the validation samples is small enough; None where there is no network."""
        return None if self.val is None else self.val.drop <= points


@dataclass(frozen=True)
class Level:
    """One budget over all its seeds; drops are means over them, errors those of one seed, since samples are shared."""

    budget: str
    seeds: int
    synops: float
    drop: float
    drop_error: float
    test_drop: float
    test_drop_error: float
    within: bool
    best: str

    def loses_at_most(self, points: float) -> bool:
        """Whether every seed kept its budgets and the mean drop on the validation samples is small enough."""
        return self.within and self.drop <= points


def point_of(report: Mapping[str, Any], budget: str, folder: str) -> Point:
    """Return the point of a finished deployment from its report."""
    (limit,) = (row["limit"] for row in report["budgets"] if row["resource"] == "synops")
    for note in report["notes"]:
        if note["code"] == "E041":  # the unpruned network was delivered, which is not a point of this budget
            return Point(budget, report["seed"], folder, limit, error=f"E041 {note['where']}: {note['message']}")
    decided, accuracy, synops = report["on_validation"], report["accuracy"], report["synops"]["measured"]["mean"]
    deployed, told = decided["deployed"], verdict(report)
    return Point(
        budget,
        report["seed"],
        folder,
        limit,
        Figures(deployed["synops"], deployed["accuracy"], decided["drop"], decided["drop_error"]),
        Figures(synops, accuracy["quantised"], accuracy["drop"], accuracy["drop_error"]),
        sum(layer["cores"] for layer in report["layers"]),
        report["within"],
        f"{told.title}: {told.detail}" if told.level == "bad" else None,
    )


def front(points: Iterable[Point]) -> list[Point]:
    """Return the Pareto front on the validation samples: no other point has no more SynOps and no less accuracy.

    Sorted by SynOps.  Of equal points the first stays.
    """
    best: list[Point] = []
    measured = [(point, point.val) for point in points if point.val is not None]
    for point, val in sorted(measured, key=lambda entry: (entry[1].synops, -entry[1].accuracy)):
        if not best or val.accuracy > max(each.val.accuracy for each in best if each.val is not None):
            best.append(point)
    return best


def levels(points: Sequence[Point]) -> list[Level]:
    """Return the budgets at which every seed gave a network, by their SynOps, the smallest first."""
    budgets = dict.fromkeys(point.budget for point in points)
    at = {budget: [point for point in points if point.budget == budget] for budget in budgets}
    found = [_level(budget, each) for budget, each in at.items() if all(point.val is not None for point in each)]
    return sorted(found, key=lambda level: level.synops)


def _level(budget: str, points: Sequence[Point]) -> Level:
    val = [point.val for point in points if point.val is not None]
    test = [point.test for point in points if point.test is not None]
    # A bundle that missed its budget or its proof is not one to deploy, however accurate.
    best = max(points, key=lambda point: (_is_done(point), point.val.accuracy if point.val else 0.0))
    return Level(
        budget,
        len(points),
        fmean(point.limit for point in points if point.limit is not None),
        fmean(each.drop for each in val),
        fmean(each.drop_error for each in val),
        fmean(each.drop for each in test),
        fmean(each.drop_error for each in test),
        all(_is_done(point) for point in points),
        best.folder,
    )


def _is_done(point: Point) -> bool:
    return point.within and point.error is None


def smallest(points: Sequence[Point], max_drop: float) -> Level | None:
    """Return the smallest budget that loses at most ``max_drop`` points on the validation samples, if there is one."""
    return next((level for level in levels(points) if level.loses_at_most(max_drop)), None)
