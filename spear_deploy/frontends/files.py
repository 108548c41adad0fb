"""Reading a network from a file of any supported format."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from spear_deploy.errors import InputError
from spear_deploy.frontends.imported import Imported
from spear_deploy.frontends.net import reader as net_reader
from spear_deploy.frontends.nir import reader as nir_reader
from spear_deploy.frontends.semantics import Semantics


def load(path: Path | str, semantics: Semantics | None = None, overrides: Mapping[str, Any] | None = None) -> Imported:
    """Read a NIR file, or a ``.net`` file of lava-dl, which defines its own semantics.

    Files that this tool wrote need no ``semantics``: they contain them.  ``overrides`` replaces single fields.  Raises
    what :func:`nir_reader.load` and :func:`net_reader.read_net` raise, and :class:`InputError` (E024) for semantics
    given with a ``.net`` file.
    """
    path = Path(path)
    if path.suffix != ".net":
        return replace(nir_reader.load(path, semantics, overrides), name=path.stem)
    if semantics is not None or overrides:
        message = "a .net file defines its own semantics"
        raise InputError.of("E024", path, message, "leave out --semantics, --dt and other overrides")
    return replace(net_reader.read_net(path), name=path.stem)
