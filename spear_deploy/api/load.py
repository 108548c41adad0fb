"""``spear_deploy.load``: reading a network, with presets by name and fields as keywords."""

from __future__ import annotations

from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spear_deploy import frontends
from spear_deploy.errors import InputError
from spear_deploy.frontends import Imported
from spear_deploy.frontends.nir.package import from_package, is_package_graph
from spear_deploy.frontends.nir.reader import read_graph
from spear_deploy.frontends.semantics import Semantics, check_fields, resolve_semantics

if TYPE_CHECKING:
    import nir


def load(
    source: str | PathLike[str] | nir.NIRGraph,
    semantics: Semantics | str | PathLike[str] | None = None,
    **overrides: Any,
) -> Imported:
    """Read a NIR file, a graph of the ``nir`` package, or lava-dl's ``.net``, whose semantics are fixed.

    ``semantics`` defines how its neurons compute: a :class:`~spear_deploy.frontends.Semantics`, a preset's name or a
    TOML file.  Omit it for files written by this tool, which carry it.  ``overrides`` replace single fields, as in
    ``load("net.nir", "snntorch", reset="zero")``.

    Raises what :func:`spear_deploy.frontends.load` raises, and :class:`~spear_deploy.errors.InputError` (E008) for
    presets or fields that do not exist, all at once.
    """
    check_fields(overrides, "load")
    stated = _stated(semantics)
    if is_package_graph(source):
        return read_graph(from_package(source), "graph", stated, overrides)
    if not isinstance(source, str | PathLike):
        fix = "give the path of a .nir or .net file, or a nir.NIRGraph"
        raise InputError.of("E001", "load", f"{type(source).__name__} is not a file", fix)
    return frontends.load(Path(source), stated, overrides)


def _stated(semantics: Semantics | str | PathLike[str] | None) -> Semantics | None:
    if semantics is None or isinstance(semantics, Semantics):
        return semantics
    if not isinstance(semantics, str | PathLike):
        message = f"{type(semantics).__name__} says nothing of neurons"
        raise InputError.of("E008", "semantics", message, "give a preset's name, a TOML file or a Semantics")
    return resolve_semantics(fspath(semantics))
