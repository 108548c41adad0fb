"""Over the time steps: accuracy by the first steps alone, rates of the populations, one sample's spikes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from markupsafe import Markup

from spear_deploy.printable import plain
from spear_deploy.report.formats import number, percent
from spear_deploy.report.pictures.svg import (
    WIDE,
    Axis,
    Drawing,
    Frame,
    Sheet,
    curve,
    line,
    path,
    rect,
    short,
    text,
)

_LEFT, _ROOM, _TOP = 64, 24, 34
_SIDES = (("float", "before"), ("chip", "measured"))
_LEGEND = (("before", "float"), ("measured", "chip"))
_NAME_WIDTH = 20
_GAP = 22


def accuracy_course(report: Mapping[str, Any], sheet: Sheet = WIDE) -> Drawing | None:
    """Return accuracy against the number of steps before the decision; None for a single step."""
    course = report["pictures"]["course"]
    points = course["points"]
    if len(points) < 2:
        return None
    bottom, sides = 246, [(kind, course[f"accuracy_{side}"]) for side, kind in _SIDES]
    x, y = Axis(0, points[-1], _LEFT, sheet.width - _ROOM), Axis(0, 1, bottom, _TOP)
    body = list(
        Frame(x, y, "time steps", "accuracy").draw([short(v) for v in x.ticks()], [percent(v, 0) for v in y.ticks()])
    )
    for kind, values in sides:
        body.append(curve(kind, [(x.at(step), y.at(value)) for step, value in zip(points, values, strict=True)]))
    chip = sides[1][1]
    enough = next(step for step, value in zip(points, chip, strict=True) if value >= chip[-1] - 0.01)
    body.append(line("limit-line", x.at(enough), bottom, x.at(enough), _TOP))
    told_by = f"within a point of its end after {enough} of {points[-1]} steps"
    caption = f"The deployed network on {number(course['samples'])} test samples: {told_by}."
    told = f"on the chip {percent(chip[0])} after {points[0]}, {percent(chip[-1])} after {points[-1]} steps"
    return Drawing("accuracy-steps", "Accuracy over time steps", told, 300, tuple(body), _LEGEND, caption, sheet)


def rates(report: Mapping[str, Any], sheet: Sheet = WIDE) -> Drawing | None:
    """Return the rate of each population over time, one above the other; None for a single step."""
    course = report["pictures"]["course"]
    points, populations = course["points"], course["populations"]
    if len(points) < 2 or not populations:
        return None
    row, left = 54 + sheet.above, sheet.start(160)
    x = Axis(0, points[-1], left, sheet.width - _ROOM - 60)
    body: list[Markup] = []
    for index, each in enumerate(populations):
        top = 10 + sheet.above + row * index
        sides = [(kind, each[f"rates_{side}"]) for side, kind in _SIDES]
        most = max([*sides[0][1], *sides[1][1], 1e-9])
        y = Axis(0, most, top + 46, top)
        body += [sheet.label(plain(each["name"]), top, 48, _NAME_WIDTH), line("grid", left, y.start, x.end, y.start)]
        body += [
            curve(kind, [(x.at(s), y.at(v)) for s, v in zip(points, values, strict=True)]) for kind, values in sides
        ]
        body.append(text(x.end + 8, top + 10, f"{most:.3g}", "tick"))
    bottom = 10 + row * len(populations)
    body += [text(x.at(value), bottom + 12, short(value), "tick", "middle") for value in x.ticks()]
    body.append(text((left + x.end) / 2, bottom + 32, "time step", "quiet-text", "middle"))
    ends = [f"{each['name']} {each['rates_float'][-1]:.3g} and {each['rates_chip'][-1]:.3g}" for each in populations]
    caption = "Spikes of a neuron in a step, the mean of test samples; at each row the largest value of its scale."
    told = f"rates at the end in float and on the chip: {'; '.join(ends)}"
    return Drawing("rates", "Rates over time", told, bottom + 42, tuple(body), _LEGEND, caption, sheet)


def raster(report: Mapping[str, Any], sheet: Sheet = WIDE) -> Drawing | None:
    """Return the spikes of one sample in some neurons of every population, float left and chip right."""
    course = report["pictures"]["course"]
    populations = course["populations"]
    if not populations or not populations[0]["raster_float"]:
        return None
    steps = len(populations[0]["raster_float"][0])
    left, gap = sheet.start(130), 16
    width = (sheet.width - left - gap) / 2
    body = [text(left, 14, "float", "quiet-text"), text(left + width + gap, 14, "chip", "quiet-text")]
    top, counts = float(_GAP), []
    for each in populations:
        rows = [each[f"raster_{side}"] for side, _ in _SIDES]
        height = max(4 * len(rows[0]), 24)
        top += sheet.above
        body.append(sheet.label(plain(each["name"]), top, height, 16))
        for index, (side, (_, kind)) in enumerate(zip(rows, _SIDES, strict=True)):
            start = left + index * (width + gap)
            body.append(rect("track", start, top, width, height))
            body += _spikes(side, start, top, width / steps, height / len(side), kind)
        counts.append(f"{each['name']} {_fired(rows[0])} and {_fired(rows[1])}")
        top += height + 8
    told = f"spikes of sample {course['sample']} in the neurons shown, float and chip: {'; '.join(counts)}"
    caption = f"Sample {course['sample']} of the data, of median activity: some neurons of each, {steps} steps."
    return Drawing("raster", "Spikes of one sample", told, top + 4, tuple(body), (), caption, sheet)


def _spikes(rows: Sequence[str], left: float, top: float, step: float, height: float, kind: str) -> Iterator[Markup]:
    """Yield one path for all spikes; those in neighbouring steps are one stroke."""
    strokes = []
    for index, row in enumerate(rows):
        at = 0
        for fires, run in groupby(row, lambda count: count != "0"):
            length = len(list(run))
            if fires:
                strokes.append((left + at * step, top + (index + 0.5) * height, length * step))
            at += length
    if strokes:
        yield path(f"spikes {'chip' if kind == 'measured' else 'in-float'}", strokes)


def _fired(rows: Sequence[str]) -> int:
    return sum(int(count) for row in rows for count in row)
