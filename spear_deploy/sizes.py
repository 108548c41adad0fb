"""Sizes of memory as text: 512MiB, 1.5GiB."""

from __future__ import annotations

import math
import re
from operator import index
from typing import SupportsIndex

_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_UNITS |= {"KIB": 1 << 10, "MIB": 1 << 20, "GIB": 1 << 30, "TIB": 1 << 40}
_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*", re.ASCII)


def bytes_of(size: str | SupportsIndex) -> int:
    """Return the bytes of a size: a number of them, or text such as ``512MiB``, ``4GiB`` or ``8GB``.

    Raises :class:`ValueError` for text that is not a size of at least one byte, :class:`TypeError` for other types.
    """
    found = _SIZE.fullmatch(size if isinstance(size, str) else str(index(size)))
    unit = _UNITS.get(found[2].upper()) if found else None
    count = float(found[1]) * unit if found and unit else 0.0
    if not 0.5 < count < math.inf or isinstance(size, bool):
        raise ValueError(f"{size!r} is not a size of memory")
    return round(count)


def bytes_as_text(count: int, *, up: bool = False) -> str:
    """Format bytes as one word, to the nearest tenth of a GiB or to the nearest MiB; or ``up`` to it."""
    if count < 1 << 30:
        return f"{_units(count, 1 << 20, up=up)}MiB"
    tenths = _units(10 * count, 1 << 30, up=up)
    return f"{tenths / 10:.1f}".removesuffix(".0") + "GiB"


def _units(count: int, unit: int, *, up: bool) -> int:
    return -(-count // unit) if up else round(count / unit)
