"""Empty modules in place of samna, which sinabs.backend.dynapcnn imports.

The samna on the package index is no library: importing it starts pip against another index and replaces itself.
Discretising, simulating and mapping need nothing of it.
"""

from __future__ import annotations

import sys
import types
from typing import Any, ClassVar
from unittest.mock import MagicMock

_CHIPS = ("samna.speck2e", "samna.speck2f")
_NAMES = ("samna", *_CHIPS, *(f"{chip}.configuration" for chip in _CHIPS), "samnagui")


class _Stub(types.ModuleType):
    __path__: ClassVar[list[str]] = []

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return MagicMock(name=f"{self.__name__}.{name}")


def install() -> None:
    """Put the stubs where imports find them; raise :class:`RuntimeError` if a samna was imported before."""
    if any(name in sys.modules and not isinstance(sys.modules[name], _Stub) for name in _NAMES):
        raise RuntimeError("a samna is already imported")
    for name in _NAMES:
        sys.modules.setdefault(name, _Stub(name))
    for name in _NAMES:
        parent, _, child = name.rpartition(".")
        if parent:
            setattr(sys.modules[parent], child, sys.modules[name])
