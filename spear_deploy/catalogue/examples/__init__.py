"""One file per code: its cause, an example that raises it, and one that fixes it.

A file holds Markdown: blocks of Python that write the inputs, and commands.  The tests run them.
"""

from __future__ import annotations

from importlib.resources import files

RAISED, FIXED = "Raised by:\n", "Fixed:\n"
"""Lines that begin the example, and its fixed form."""


def example(code: str) -> str:
    """Return the example of a code as Markdown, or its cause in words where inputs alone do not raise it."""
    return files(__name__).joinpath(f"{code}.md").read_text(encoding="utf-8")
