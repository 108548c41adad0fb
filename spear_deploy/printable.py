"""Making text from files (names of nodes, populations, profiles) safe to print; formatting durations."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.text import Text


def plain(text: object) -> str:
    """Return text on one line without control characters, some of which a terminal would interpret."""
    return "".join(c if c.isprintable() else "?" for c in str(text))


def plain_lines(text: object) -> str:
    """Return text of several lines, each of them :func:`plain`."""
    return "\n".join(map(plain, str(text).split("\n")))


def cells(*texts: object) -> tuple[Text, ...]:
    """Return the cells of a table's row, with their text shown literally."""
    from rich.text import Text  # half of the time that --help takes

    return tuple(Text(plain_lines(text)) for text in texts)


def duration(seconds: float) -> str:
    """Format seconds as one word, such as 18.4s, 2m27s or 1h05m."""
    if seconds < 99.95:
        return f"{seconds:.1f}s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02}m" if hours else f"{minutes}m{rest:02}s"
