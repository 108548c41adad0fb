"""One file a code: how it comes about, an example that raises it, and what mends it.

A file holds Markdown: blocks of Python that write the inputs, and commands.  The tests run them.
"""

from __future__ import annotations

from importlib.resources import files

RAISED, MENDED = "Raised by:\n", "Mended:\n"
"""Lines that begin the example, and its mended form."""


def example(code: str) -> str:
    """Return the example of a code as Markdown; of a code that takes more than inputs, how it comes about in words."""
    return files(__name__).joinpath(f"{code}.md").read_text(encoding="utf-8")
