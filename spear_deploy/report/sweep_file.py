"""Read a sweep from its file; its points as a table."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from spear_deploy.errors import InputError
from spear_deploy.printable import plain
from spear_deploy.report.points import Figures, Point
from spear_deploy.report.sweep import VERSION, Reference, sweep_data

_AGAIN = "the same sweep command with --resume writes it again"


def read_sweep(path: Path) -> dict[str, Any]:
    """Return the sweep in a ``sweep.json``: what :func:`~spear_deploy.report.sweep.sweep_data` made of its points.

    Raises :class:`InputError`: E010 for a file that is damaged or of another version, E053 where the answer is not that
    of the points.
    """
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
        version = held["sweep"]
        if version == VERSION:
            found = {name: value for name, value in held.items() if name != "identity"}
            points = [_point(each) for each in found["points"]]
            reference = None if found["reference"] is None else Reference(**found["reference"])
            made = sweep_data(points, reference, found["max_drop"], found["command"])
    except (OSError, ArithmeticError, LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise InputError.of("E010", path, f"is damaged: {plain(error)}", _AGAIN) from error
    if version != VERSION:
        message = f"was written by another version: {plain(version)}, this one reads {VERSION}"
        raise InputError.of("E010", path, message, _AGAIN)
    if differing := sorted(name for name in made.keys() | found.keys() if made.get(name) != found.get(name)):
        message = f"does not say of its points what they are ({plain(', '.join(differing))})"
        raise InputError.of("E053", path, message, f"trust none of it: {_AGAIN}")
    return made


def _point(held: Mapping[str, Any]) -> Point:
    figures = {part: None if held[part] is None else Figures(**held[part]) for part in ("val", "test")}
    return Point(**{each.name: figures.get(each.name, held[each.name]) for each in fields(Point)})


def sweep_rows(result: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return a row for each point, with the figures of both parts of the data as columns such as ``val_synops``."""
    names = [each.name for each in fields(Figures)]
    parts = ("val", "test")
    return [
        {
            **{name: value for name, value in point.items() if name not in parts},
            **{f"{part}_{name}": point[part] and point[part][name] for part in parts for name in names},
        }
        for point in result["points"]
    ]
