"""Data files of the distribution, found the same way in a checkout and in an installed wheel."""

from __future__ import annotations

from pathlib import Path

from spear_deploy.errors import InputError

_PACKAGE = Path(__file__).resolve().parent
_ROOTS = (_PACKAGE / "_data", _PACKAGE.parent)
"""A wheel carries the data inside the package; a checkout has it beside the package."""


def resource(relative: str) -> Path:
    """Return the path of a data file or folder, e.g. ``resource("hw_profiles")``.

    Raises :class:`InputError` (E001) if neither the package nor the checkout has it.
    """
    for root in _ROOTS:
        path = root / relative
        if path.exists():
            return path
    raise InputError.of("E001", relative, "this installation lacks the data", "install spear-deploy again")
