"""``spear_deploy.load``: reading a file from Python, with presets by name and fields as keywords."""

from __future__ import annotations

from os import PathLike, fspath
from pathlib import Path
from typing import Any

from spear_deploy import frontends
from spear_deploy.frontends.nir.reader import Imported
from spear_deploy.frontends.semantics import Semantics, check_fields, named


def load(
    path: str | PathLike[str], semantics: Semantics | str | PathLike[str] | None = None, **overrides: Any
) -> Imported:
    """Read a NIR file, or lava-dl's ``.net``, which says itself how its neurons compute.

    ``semantics`` says how its neurons compute: a :class:`~spear_deploy.frontends.Semantics`, a preset's name or a
    TOML file; it is omitted for files that this tool wrote, which carry it.  ``overrides`` replaces single fields,
    as in ``load("net.nir", "snntorch", reset="zero")``.

    Raises what :func:`spear_deploy.frontends.load` raises, and :class:`~spear_deploy.errors.InputError` (E008) for
    a preset or field that does not exist, with all of them at once.
    """
    check_fields(overrides, "load")
    stated = semantics if semantics is None or isinstance(semantics, Semantics) else named(fspath(semantics))
    return frontends.load(Path(path), stated, overrides)
