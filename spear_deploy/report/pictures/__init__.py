"""The pictures of a report and of a sweep: one file each, from report data to a drawing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from markupsafe import Markup

from spear_deploy.report.pictures.chip import cores, shares
from spear_deploy.report.pictures.confusion import confusion
from spear_deploy.report.pictures.course import accuracy_course, raster, rates
from spear_deploy.report.pictures.graph import graph
from spear_deploy.report.pictures.pairs import lre_pairs
from spear_deploy.report.pictures.reward import reward
from spear_deploy.report.pictures.svg import WIDTH, Drawing
from spear_deploy.report.pictures.tradeoff import search_tradeoff
from spear_deploy.storage import atomic

PICTURES: Mapping[str, tuple[Callable[[Mapping[str, Any]], Drawing | None], ...]] = {
    "network": (graph, shares, cores),
    "behaviour": (confusion, accuracy_course, rates, raster),
    "search": (search_tradeoff, lre_pairs, reward),
}
"""The drawings of each part of the page, in their order."""


def drawings(report: Mapping[str, Any]) -> dict[str, list[Drawing]]:
    """Return the drawings of each part of the page; what a report has nothing to show of is left out."""
    if "pictures" not in report:  # of an earlier version
        return {part: [] for part in PICTURES}
    return {part: [d for draw in every if (d := draw(report)) is not None] for part, every in PICTURES.items()}


def write_figures(folder: Path, report: Mapping[str, Any], style: str) -> list[Path]:
    """Write each drawing as a file that stands alone, with the page's ``style`` in it; return their paths.

    Raises :class:`InputError` (E009) for a folder that cannot be written.
    """
    written = []
    for drawing in (each for part in drawings(report).values() for each in part):
        # Colours without a page's text style: a paper has its own background.
        extra = Markup("<style>svg {{ font-family: sans-serif; }}\n{}</style>").format(Markup(style))
        text = str(drawing.with_legend().svg(extra)).replace(
            "<svg ", f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" ', 1
        )
        with atomic(folder / f"{drawing.name}.svg") as temporary:
            temporary.write_text(f"{text}\n", encoding="utf-8", newline="\n")
        written.append(folder / f"{drawing.name}.svg")
    return written
