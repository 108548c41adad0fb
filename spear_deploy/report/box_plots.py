"""Box plots of weights and membranes, in float and on the chip, over the range that the chip's integers represent.

As in hls4ml's profiles, on a log2 axis: values left of the grey range round to zero, values right of it are clipped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, floor, log2
from typing import Any

from spear_deploy.printable import plain
from spear_deploy.report.formats import percent, shorten

LEFT, RIGHT = 6.0, 94.0
"""Per cent of the picture's width, which the page decides, from which the axis begins and at which it ends."""
NAME, ROW, AXIS = 20, 66, 34
"""Pixels of a population's name, of the population with it, and of the axis."""
_MOST_OCTAVES = 40
_MOST_LABELS = 12
_NAME_WIDTH = 40


@dataclass(frozen=True)
class Box:
    """One distribution: positions of least value, percentiles 1, 25, 50, 75, 99 and largest; ``top`` of its line.

    Positions are per cent of the width, tops and heights pixels: so letters keep their size at any width.
    """

    least: float
    p1: float
    p25: float
    p50: float
    p75: float
    p99: float
    largest: float
    top: float


@dataclass(frozen=True)
class Row:
    """One population; ``words`` describe it to a screen reader."""

    name: str
    top: float
    low: float
    high: float
    in_float: Box | None
    on_chip: Box | None
    words: str


@dataclass(frozen=True)
class Mark:
    """A power of two on the axis; ``text`` is empty where there is no room, and a ``spare`` one left out on a phone."""

    position: float
    text: str
    spare: bool


@dataclass(frozen=True)
class BoxPlot:
    """A box plot that is ``height`` pixels high."""

    title: str
    rows: tuple[Row, ...]
    marks: tuple[Mark, ...]
    height: float

    @property
    def bottom(self) -> float:
        """The position of the axis."""
        return self.height - AXIS


def box_plots(distributions: Sequence[Mapping[str, Any]]) -> tuple[BoxPlot, ...]:
    """Return the box plots of weights and of membranes, of those that are known."""
    plots = (_box_plot(kind, distributions) for kind in ("weights", "membranes"))
    return tuple(plot for plot in plots if plot is not None)


def _box_plot(kind: str, distributions: Sequence[Mapping[str, Any]]) -> BoxPlot | None:
    shown = [each for each in distributions if each[kind] is not None and each[kind]["step"] > 0]
    if not shown:
        return None
    spreads = [each[kind][side] for each in shown for side in ("float", "chip") if each[kind][side] is not None]
    lows = [each[kind]["step"] for each in shown] + [spread["p1"] for spread in spreads]
    highs = [each[kind]["limit"] for each in shown] + [spread["largest"] for spread in spreads]
    last = ceil(log2(max(highs)))
    first = max(min(floor(log2(min(lows))), last - 1), last - _MOST_OCTAVES)
    axis = _Axis(first, last)
    rows = tuple(_row(each["name"], each[kind], axis, ROW * index) for index, each in enumerate(shown))
    every = -(-(last - first) // _MOST_LABELS)
    powers = range(first, last + 1)
    marks = tuple(_mark(axis, k, k - first, every) for k in powers)
    return BoxPlot(kind, rows, marks, ROW * len(rows) + AXIS)


@dataclass(frozen=True)
class _Axis:
    """From 2^first to 2^last; what lies outside is drawn at the end."""

    first: int
    last: int

    def at(self, value: float) -> float:
        share = (log2(value) - self.first) / (self.last - self.first) if value > 0 else 0.0
        return LEFT + (RIGHT - LEFT) * min(1.0, max(0.0, share))


def _mark(axis: _Axis, power: int, index: int, every: int) -> Mark:
    return Mark(axis.at(2.0**power), "" if index % every else f"2^{power}", index % (2 * every) > 0)


def _row(name: str, beside: Mapping[str, Any], axis: _Axis, top: float) -> Row:
    in_float = _box(beside["float"], axis, top + NAME + 9)
    on_chip = _box(beside["chip"], axis, top + NAME + 25)
    shown = shorten(plain(name), _NAME_WIDTH)
    words = f"{plain(name)}: {_words('float', beside['float'])}; {_words('chip', beside['chip'])}; "
    words += f"the chip represents {beside['step']:.3g} to {beside['limit']:.3g}"
    return Row(shown, top, axis.at(beside["step"]), axis.at(beside["limit"]), in_float, on_chip, words)


def _box(spread: Mapping[str, float] | None, axis: _Axis, top: float) -> Box | None:
    if spread is None:
        return None
    return Box(**{key: axis.at(value) for key, value in spread.items() if key != "zeros"}, top=top)


def _words(where: str, spread: Mapping[str, float] | None) -> str:
    if spread is None:
        return f"{where} all 0"
    ends = f"{spread['least']:.3g} to {spread['largest']:.3g}"
    return f"{where} {ends}, median {spread['p50']:.3g}, {percent(spread['zeros'])} zero"
