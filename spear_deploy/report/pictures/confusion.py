"""The confusion matrices of the float network and of the deployed one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from markupsafe import Markup

from spear_deploy.report.formats import plural
from spear_deploy.report.pictures.svg import WIDE, Drawing, Sheet, rect, text

_TOP, _LEFT, _GAP, _BELOW = 44, 34, 40, 14


def confusion(report: Mapping[str, Any], sheet: Sheet = WIDE) -> Drawing | None:
    """Return the drawing; None for many classes."""
    found = report["pictures"]["confusion"]
    if found is None:
        return None
    classes = len(found["float"])
    gaps = (sheet.across - 1) * _GAP
    size = min(34.0, (sheet.width - sheet.across * _LEFT - gaps) / sheet.across / classes)
    wide, high = _LEFT + classes * size + _GAP, _TOP + classes * size + _BELOW
    x, y = (wide, 0.0) if sheet.across > 1 else (0.0, high)
    body = [
        *_matrix(found["float"], "float, unpruned", _LEFT, _TOP, size),
        *_matrix(found["deployed"], "deployed, on the chip", _LEFT + x, _TOP + y, size),
    ]
    wrong = [sum(sum(row) - row[label] for label, row in enumerate(found[side])) for side in ("float", "deployed")]
    told = f"wrong decisions: {wrong[0]} in float, {wrong[1]} deployed; {_worst(found['deployed'])}"
    caption = f"Rows: labels; columns: decisions, on the test samples. {told[0].upper()}{told[1:]}."
    return Drawing("confusion", "Confusion before and after", told, y + high, tuple(body), (), caption, sheet)


def _matrix(rows: Sequence[Sequence[int]], title: str, left: float, top: float, size: float) -> Iterator[Markup]:
    yield text(left, top - 30, title, "quiet-text")
    for label, row in enumerate(rows):
        middle = top + (label + 0.5) * size + 4
        yield text(left - 8, middle, label, "tick", "end")
        yield text(left + (label + 0.5) * size, top - 6, label, "tick", "middle")
        for decided, count in enumerate(row):
            x, y = left + decided * size, top + label * size
            share = count / max(1, sum(row))
            level = 0 if not count else 1 + min(3, int(4 * share))
            kind = f"{'right' if label == decided else 'wrong'}-{level}" if level else "track"
            words = f"label {label} decided {decided}: {count}" if count else ""
            yield rect(kind, x + 0.5, y + 0.5, size - 1, size - 1, words)
            if count and size >= 18:
                yield text(x + size / 2, middle, count, "on-dark" if level > 2 else "small", "middle")


def _worst(rows: Sequence[Sequence[int]]) -> str:
    """Return the commonest mistake in words."""
    pairs = [
        (count, label, decided)
        for label, row in enumerate(rows)
        for decided, count in enumerate(row)
        if label != decided
    ]
    count, label, decided = max(pairs, default=(0, 0, 0), key=lambda entry: entry[0])
    return f"most often label {label} as {decided} ({plural(count, 'sample')})" if count else "no mistake"
