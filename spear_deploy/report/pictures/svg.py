"""SVG drawings: the few elements that the pictures consist of, and axes.

Colours are classes of ``style.css``, so that a page shows them light or dark.  Every text is escaped: names come from
files.  The same data give the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import ceil, floor, isclose, log10

from markupsafe import Markup, escape

from spear_deploy.printable import plain
from spear_deploy.report.formats import shorten

_EDGE = 4.0
"""Room at the side of rows, for half of a tick's text."""


@dataclass(frozen=True)
class Sheet:
    """The room for a drawing on a page: scaled to a phone, its labels could not be read, so it is laid out anew.

    Attributes:
        name: what the page shows it as, and no other.
        width: in units: about the pixels that a page gives it.
        above: height of a line above each row, which has its name; 0 where names stand beside their rows.
        across: of two parts of a picture, how many stand side by side.
    """

    name: str
    width: float
    above: float
    across: int

    def start(self, beside: float) -> float:
        """Return where rows begin if names have ``beside`` pixels beside them."""
        return _EDGE if self.above else beside

    def label(self, words: str, top: float, height: float, most: int) -> Markup:
        """Return the name of a row from ``top`` on: at most so many characters beside it, or twice as many above."""
        if self.above:
            return text(0, top - 6, shorten(words, 2 * most))
        return text(0, top + height / 2 + 4, shorten(words, most))


WIDE, NARROW = Sheet("wide", 720, 0, 2), Sheet("narrow", 340, 20, 1)
SHEETS = (WIDE, NARROW)
"""All that a page has of each picture: it shows one, by its own width."""


@dataclass(frozen=True)
class Drawing:
    """One picture.

    Attributes:
        name: what its file is called.
        title: what it shows.
        words: what is to be seen in it, for who cannot see.
        height: in units; it is as wide as its ``sheet``.
        body: its elements, escaped.
        legend: pairs of a class and what it stands for.
        caption: what has to be known to read it.
        sheet: what it is drawn on.
    """

    name: str
    title: str
    words: str
    height: float
    body: tuple[Markup, ...]
    legend: tuple[tuple[str, str], ...] = ()
    caption: str = ""
    sheet: Sheet = WIDE

    def with_legend(self) -> Drawing:
        """Return it with its legend drawn below, for a file without the page's legend."""
        if not self.legend:
            return self
        body, x, y = list(self.body), 0.0, self.height + 8
        for kind, words in self.legend:
            width = 18 + 7.5 * len(words)
            if x and x + width > self.sheet.width:
                x, y = 0.0, y + 20
            body += [rect(kind, x, y, 12, 12), text(x + 18, y + 10, words)]
            x += width + 18
        return replace(self, height=y + 18, body=tuple(body))

    def svg(self, extra: Markup | str = "", margin: float = 0) -> Markup:
        """Return the element; ``extra`` is put in front of its content, and a ``margin`` around it."""
        ids = f"{self.name}-title-{self.sheet.name}", f"{self.name}-words-{self.sheet.name}"
        room = (-margin, -margin, self.sheet.width + 2 * margin, self.height + 2 * margin)
        box = " ".join(map(_number, room))
        head = Markup('<svg class="picture {}" viewBox="{}" role="img" aria-labelledby="{} {}">').format(
            self.sheet.name, box, *ids
        )
        told = Markup('<title id="{}">{}</title><desc id="{}">{}</desc>').format(
            ids[0], plain(self.title), ids[1], plain(self.words)
        )
        return Markup("\n").join([head, told, *([Markup(extra)] if extra else []), *self.body, Markup("</svg>")])


def _number(value: float) -> str:
    text = f"{value:.1f}"
    return text[:-2] if text.endswith(".0") else text


def _element(tag: str, attributes: Iterable[tuple[str, object]], words: str = "") -> Markup:
    spoken = ((key, _number(value) if isinstance(value, float | int) else value) for key, value in attributes)
    inside = Markup("").join(Markup(' {}="{}"').format(Markup(key), value) for key, value in spoken)
    if not words:
        return Markup("<{0}{1}/>").format(Markup(tag), inside)
    return Markup("<{0}{1}><title>{2}</title></{0}>").format(Markup(tag), inside, plain(words))


def rect(kind: str, x: float, y: float, width: float, height: float, words: str = "") -> Markup:
    """Return a filled rectangle of a class; ``words`` are shown where a mouse rests on it."""
    size = (("x", x), ("y", y), ("width", max(0.0, width)), ("height", max(0.0, height)))
    return _element("rect", (("class", kind), *size), words)


def dot(kind: str, x: float, y: float, radius: float = 5, words: str = "") -> Markup:
    """Return a disc."""
    return _element("circle", (("class", kind), ("cx", x), ("cy", y), ("r", radius)), words)


def line(kind: str, x1: float, y1: float, x2: float, y2: float) -> Markup:
    """Return a straight line."""
    return _element("line", (("class", kind), ("x1", x1), ("y1", y1), ("x2", x2), ("y2", y2)))


def curve(kind: str, points: Iterable[tuple[float, float]]) -> Markup:
    """Return a line through points."""
    joined = " ".join(f"{_number(x)},{_number(y)}" for x, y in points)
    return _element("polyline", (("class", f"curve {kind}"), ("points", joined)))


def shape(kind: str, points: Iterable[tuple[float, float]], words: str = "") -> Markup:
    """Return a filled polygon."""
    joined = " ".join(f"{_number(x)},{_number(y)}" for x, y in points)
    return _element("polygon", (("class", kind), ("points", joined)), words)


def text(x: float, y: float, words: object, kind: str = "", anchor: str = "start") -> Markup:
    """Return a line of text; ``anchor`` is start, middle or end."""
    place = Markup(' x="{}" y="{}"').format(_number(x), _number(y))
    style = Markup(' class="{}"').format(kind) if kind else Markup("")
    side = Markup(' text-anchor="{}"').format(anchor) if anchor != "start" else Markup("")
    return Markup("<text{}{}{}>{}</text>").format(place, style, side, escape(plain(words)))


_ALIKE = 1e-9
"""Values no further apart are drawn as one: what is counted or measured here never differs by so little."""


@dataclass(frozen=True)
class Axis:
    """From values ``low`` .. ``high`` to positions ``start`` .. ``end``."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """Return the position of a value; values outside are drawn at the end."""
        share = (value - self.low) / (self.high - self.low) if self.high > self.low else 0.5
        return self.start + (self.end - self.start) * min(1.0, max(0.0, share))

    def ticks(self, most: int = 6) -> list[float]:
        """Return round values on the axis: at most this many and one."""
        span = self.high - self.low
        if span <= 0:
            return [self.low]
        raw = span / most
        power = 10.0 ** floor(log10(raw))
        step = next((power * each for each in (1, 2, 2.5, 5) if power * each >= raw), 10 * power)
        first = ceil(self.low / step - 1e-9)
        count = floor(self.high / step + 1e-9) - first + 1
        return [(first + index) * step for index in range(count)]

    @classmethod
    def around(cls, values: Sequence[float], start: float, end: float, *, least: float | None = None) -> Axis:
        """Return the axis that holds all values with some room; from ``least`` on, if that is given."""
        low, high = min(values, default=0.0), max(values, default=1.0)
        room = 0.08 * (high - low) if not isclose(low, high, abs_tol=_ALIKE) else max(abs(high) * 0.1, 1e-6)
        return cls(low - room if least is None else min(least, low), high + room, start, end)


@dataclass(frozen=True)
class Frame:
    """Two axes and their labels."""

    x: Axis
    y: Axis
    x_title: str
    y_title: str

    def draw(self, x_text: Sequence[str], y_text: Sequence[str]) -> Iterator[Markup]:
        """Yield grid, ticks and titles; the texts are those of the axes' ticks."""
        left, right, bottom, top = self.x.start, self.x.end, self.y.start, self.y.end
        for value, words in zip(self.y.ticks(), y_text, strict=True):
            yield line("grid", left, self.y.at(value), right, self.y.at(value))
            yield text(left - 8, self.y.at(value) + 4, words, "tick", "end")
        for value, words in zip(self.x.ticks(), x_text, strict=True):
            yield line("grid", self.x.at(value), bottom, self.x.at(value), top)
            yield text(self.x.at(value), bottom + 18, words, "tick", "middle")
        yield line("axis", left, bottom, right, bottom)
        yield text((left + right) / 2, bottom + 38, self.x_title, "quiet-text", "middle")
        yield text(left - 8, top - 10, self.y_title, "quiet-text")


def short(value: float) -> str:
    """Return a number for an axis, with as few digits as tell it: 2.5M, 80k, 0.15."""
    for factor, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= factor:
            return f"{value / factor:.4g}{unit}"
    return f"{value:.4g}" if abs(value) > 1e-12 else "0"


def path(kind: str, strokes: Iterable[tuple[float, float, float]]) -> Markup:
    """Return level strokes (x, y, length) as one element: thousands of spikes take little room so."""
    joined = "".join(f"M{_number(x)} {_number(y)}h{_number(length)}" for x, y, length in strokes)
    return _element("path", (("class", kind), ("d", joined)))
