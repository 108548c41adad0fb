"""Names out of a file as text of bounded length: a file may hold any number of any length."""

from __future__ import annotations

from collections.abc import Sequence

MOST_NAMES = 5
_MOST_LETTERS = 60


def listed(names: Sequence[str]) -> str:
    """Return names of fields as ``field 'a'``, or ``fields 'a', 'b' and 7 more``; long ones are cut."""
    shown = [repr(name if len(name) <= _MOST_LETTERS else f"{name[:_MOST_LETTERS]}...") for name in names[:MOST_NAMES]]
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return f"field{'s' * (len(names) > 1)} {', '.join(shown)}{more}"
