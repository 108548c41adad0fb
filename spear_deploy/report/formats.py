"""Numbers and names as a report shows them: ASCII, and never cut without saying so."""

from __future__ import annotations

from math import floor, log10

_SI = {-15: "f", -12: "p", -9: "n", -6: "u", -3: "m", 0: ""}
_BITS_OF_KIB = 8 * 1024


def number(value: float | None) -> str:
    """Format a count with thousands separators; nothing for None."""
    return "" if value is None else f"{value:,.0f}"


def amount(value: float | None, digits: int) -> str:
    """Format a budget's figure with the decimals that it has, or that a small one needs to be seen."""
    if value is None:
        return ""
    needed = 1 - floor(log10(abs(value))) if value else 0
    return f"{value:,.{max(digits, min(needed, 12))}f}" if abs(value) < 1 else f"{value:,.{digits}f}"


def compact(value: float) -> str:
    """Format a count for a narrow column: beyond seven digits in millions."""
    return number(value) if value < 1e7 else f"{value / 1e6:,.1f}M"


def percent(share: float, digits: int = 1) -> str:
    """Format a share (0..1) as a percentage."""
    return f"{100 * share:.{digits}f}%"


def ratio(part: float, whole: float) -> float:
    """Return ``part / whole``, and 0 of nothing."""
    return part / whole if whole else 0.0


def kib(bits: int) -> str:
    """Format bits as KiB, with the decimals that a small memory needs."""
    size = bits / _BITS_OF_KIB
    decimals = 0 if size >= 100 or not bits else 1 if size >= 1 else 2
    return f"{size:,.{decimals}f}"


def joules(value: float) -> str:
    """Format an energy with its SI prefix."""
    return _with_prefix(value, "J")


def seconds(value: float) -> str:
    """Format a short time with its SI prefix."""
    return _with_prefix(value, "s")


def _with_prefix(value: float, unit: str) -> str:
    exponent = max(-15, min(0, 3 * floor(log10(value) / 3))) if value > 0 else 0
    return f"{value / 10**exponent:.3g} {_SI[exponent]}{unit}"


def shorten(text: str, width: int) -> str:
    """Cut text that is longer than ``width``, and show that it was cut."""
    return text if len(text) <= width else f"{text[: width - 2]}.."


def plural(count: int, noun: str, several: str = "") -> str:
    """Return a count with its noun, or with the word for ``several`` where that is irregular."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {several or noun + 's'}"
