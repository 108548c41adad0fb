"""LRE's pairs: SynOps before fine-tuning and after it, the plain line, and what is predicted with its interval."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spear_deploy.report.formats import percent
from spear_deploy.report.pictures.svg import WIDE, Axis, Drawing, Frame, Sheet, dot, line

_HEIGHT = 330
_LEFT, _ROOM, _TOP, _BOTTOM = 64, 24, 34, 276


def lre_pairs(report: Mapping[str, Any], sheet: Sheet = WIDE) -> Drawing | None:
    """Return the drawing; None without a search."""
    pairs, lre = report["pictures"]["pairs"], report["lre"]
    if not pairs or lre is None:
        return None
    x = Axis.around([pair["before"] for pair in pairs], _LEFT, sheet.width - _ROOM)
    ends = [pair[key] for pair in pairs for key in ("after", "predicted", "low", "high") if pair[key] is not None]
    y = Axis.around(ends, _BOTTOM, _TOP)
    frame = Frame(x, y, "SynOps before fine-tuning", "after fine-tuning")
    body = list(frame.draw([percent(v, 0) for v in x.ticks()], [percent(v, 0) for v in y.ticks()]))
    if (seen := _within(lre["slope"], lre["intercept"], x, y)) is not None:
        (x1, y1), (x2, y2) = seen
        body.append(line("limit-line", x.at(x1), y.at(y1), x.at(x2), y.at(y2)))
    for pair in pairs:
        at = x.at(pair["before"])
        if pair["low"] is not None:
            body.append(line("interval", at, y.at(pair["low"]), at, y.at(pair["high"])))
        body.append(line("predicted-line", at - 7, y.at(pair["predicted"]), at + 7, y.at(pair["predicted"])))
        words = f"{percent(pair['before'])} before, {percent(pair['after'])} after, {percent(pair['predicted'])} fitted"
        body.append(dot("measured" if pair["chosen"] else "quiet-dot", at, y.at(pair["after"]), 5, words))
    plain_line = f"after = {lre['slope']:.3f} x before + {lre['intercept']:.3f}"
    told = f"{len(pairs)} fine-tuned networks; the plain line is {plain_line}"
    legend = (("quiet-dot", "fine-tuned on the way"), ("measured", "fine-tuned for its prediction"))
    caption = (
        "In shares of the unpruned network's. Dashes: what LRE fits, with its 90% interval where it has one. The "
        "broken line is the plain one."
    )
    return Drawing("lre-pairs", "What fine-tuning makes of SynOps", told, _HEIGHT, tuple(body), legend, caption, sheet)


def _within(slope: float, intercept: float, x: Axis, y: Axis) -> tuple[tuple[float, float], tuple[float, float]] | None:
    """Return the two ends of the part of a line that both axes show; None where they show none of it."""
    ends = [x.low, x.high]
    if slope:
        reaching = sorted((end - intercept) / slope for end in (y.low, y.high))
        ends = [max(x.low, reaching[0]), min(x.high, reaching[1])]
    elif not y.low <= intercept <= y.high:
        return None
    first, last = ((end, slope * end + intercept) for end in ends)
    return (first, last) if first[0] < last[0] else None
