"""The pictures of a report and of a sweep: one file each, from report data to a drawing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from spear_deploy.report.pictures.chip import cores, shares
from spear_deploy.report.pictures.confusion import confusion
from spear_deploy.report.pictures.course import accuracy_course, raster, rates
from spear_deploy.report.pictures.graph import graph
from spear_deploy.report.pictures.pairs import lre_pairs
from spear_deploy.report.pictures.reward import reward
from spear_deploy.report.pictures.svg import WIDE, Drawing, Sheet
from spear_deploy.report.pictures.tradeoff import search_tradeoff

PICTURES: Mapping[str, tuple[Callable[[Mapping[str, Any], Sheet], Drawing | None], ...]] = {
    "network": (graph, shares, cores),
    "behaviour": (confusion, accuracy_course, rates, raster),
    "search": (search_tradeoff, lre_pairs, reward),
}
"""The drawings of each part of the page, in their order."""


def drawings(report: Mapping[str, Any], sheet: Sheet = WIDE) -> dict[str, list[Drawing]]:
    """Return the drawings of each part of the page on a sheet; what a report has nothing to show of is left out."""
    if "pictures" not in report:  # of an earlier version
        return {part: [] for part in PICTURES}
    return {part: [d for draw in every if (d := draw(report, sheet)) is not None] for part, every in PICTURES.items()}
