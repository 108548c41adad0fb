"""Accuracy against SynOps: of the networks that a search compared, and of the points of a sweep."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from markupsafe import Markup

from spear_deploy.printable import plain
from spear_deploy.report.formats import number, percent, shorten
from spear_deploy.report.pictures.svg import WIDE, Axis, Drawing, Frame, Sheet, curve, dot, line, short, text

_HEIGHT = 340
_LEFT, _ROOM, _TOP, _BOTTOM = 64, 24, 34, 286
_LABEL_WIDTH, _CHARACTER = 22, 7.5
_NEAR = 15
"""Units between two labels at least."""
_DOT, _BASELINE = 8.0, 4.0
"""Half of what a dot takes, and how far below its middle a label is written."""


@dataclass(frozen=True)
class Mark:
    """One network: ``kind`` is its class, ``label`` its name in the drawing, ``note`` its description."""

    synops: float
    accuracy: float
    kind: str
    label: str = ""
    note: str = ""

    @property
    def words(self) -> str:
        """The figures in words."""
        told = f"{self.note or self.label}: {percent(self.accuracy, 2)} at {number(self.synops)} SynOps a sample"
        return told.removeprefix(": ")


def search_tradeoff(report: Mapping[str, Any], sheet: Sheet = WIDE) -> Drawing | None:
    """Return the networks that a search measured on the validation samples, the deployed one marked."""
    search, decided = report["search"], report["on_validation"]
    if search is None:
        return None
    unpruned, deployed = decided["unpruned"], decided["deployed"]
    marks = [Mark(unpruned["synops"], unpruned["accuracy"], "before", "unpruned")]
    marks += [
        Mark(each["synops"], each["accuracy"], "quiet-dot", each["of"], f"{each['of']}, compared")
        for each in search["candidates"]
    ]
    deployed_words = f"deployed, from {search['delivered']}"
    marks.append(Mark(deployed["synops"], deployed["accuracy"], "chosen", "deployed", deployed_words))
    limits = [row["limit"] for row in report["budgets"] if row["resource"] == "synops"]
    caption = (
        "On the validation samples, which decide. Those compared are fine-tuned briefly, the deployed one to the end."
    )
    limit = limits[0] if limits else None
    return tradeoff("accuracy-synops", "Accuracy against SynOps", marks, caption, limit=limit, sheet=sheet)


def tradeoff(
    name: str,
    title: str,
    marks: Sequence[Mark],
    caption: str,
    *,
    joined: Sequence[Mark] = (),
    limit: float | None = None,
    sheet: Sheet = WIDE,
) -> Drawing:
    """Return the drawing of ``marks``; a line goes through those that are ``joined``, and stands at the ``limit``."""
    synops = [mark.synops for mark in marks] + ([] if limit is None else [limit])
    x = Axis.around(synops, _LEFT, sheet.width - _ROOM, least=0)
    y = Axis.around([mark.accuracy for mark in marks], _BOTTOM, _TOP)
    frame = Frame(x, y, "SynOps a sample", "accuracy")
    digits = 0 if y.high - y.low > 0.05 else 1 if y.high - y.low > 0.005 else 2
    body = list(frame.draw([short(v) for v in x.ticks()], [percent(v, digits) for v in y.ticks()]))
    if limit is not None:
        body += [line("limit-line", x.at(limit), _BOTTOM, x.at(limit), _TOP)]
        body.append(_budget(x.at(limit), f"budget {short(limit)}", sheet))
    if len(joined) > 1:
        body.append(curve("front", [(x.at(mark.synops), y.at(mark.accuracy)) for mark in joined]))
    for mark in marks:
        radius = 7 if mark.kind.startswith("chosen") else 5
        body.append(dot(mark.kind, x.at(mark.synops), y.at(mark.accuracy), radius, mark.words))
    body += _labels(marks, x, y, sheet, math.inf if limit is None else x.at(limit))
    return Drawing(name, title, "; ".join(mark.words for mark in marks), _HEIGHT, tuple(body), (), caption, sheet)


def _budget(at: float, words: str, sheet: Sheet) -> Markup:
    """Return what stands above the line of a budget: to its right, or to its left where there is no room."""
    if at + 5 + _CHARACTER * len(words) > sheet.width:
        return text(at - 5, _TOP - 10, words, "tick", "end")
    return text(at + 5, _TOP - 10, words, "tick")


def _labels(marks: Sequence[Mark], x: Axis, y: Axis, sheet: Sheet, upright: float) -> Iterator[Markup]:
    """Yield the labels of the marks, each in a free place beside its mark, or as near above or below as possible.

    None is written across the ``upright`` line, if there is room beside it.
    """
    taken = [(x.at(mark.synops) - _DOT, y.at(mark.accuracy) + _BASELINE, 2 * _DOT) for mark in marks]
    for mark in sorted(marks, key=lambda each: (each.kind != "chosen", each.synops)):
        if not mark.label:
            continue
        words = shorten(plain(mark.label), _LABEL_WIDTH)
        width = _CHARACTER * len(words)
        at = x.at(mark.synops), y.at(mark.accuracy) + _BASELINE
        left, top = _free(*at, width, taken, sheet.width, upright)
        taken.append((left, top, width))
        yield text(left, top, words)


def _free(
    at: float, baseline: float, width: float, taken: Sequence[tuple[float, float, float]], end: float, upright: float
) -> tuple[float, float]:
    """Return where a label has room: right of its mark or left of it, else a line further away."""
    sides = [left for left in (at + 10, at - 10 - width) if left >= _LEFT and left + width < end] or [at + 10]
    away = [sign * step * _NEAR for step in range(len(taken) + 1) for sign in (1, -1)]
    tops = [baseline + down for down in away if _TOP <= baseline + down < _BOTTOM]
    sides = [left for left in sides if not left <= upright <= left + width] or sides
    for top, left in product(tops, sides):
        if not any(abs(top - t) < _NEAR and left < x0 + w and x0 < left + width for x0, t, w in taken):
            return left, top
    return sides[0], baseline
