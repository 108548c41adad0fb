"""Imports Lava on Python 3.11 and 3.12, which lava-nc 0.10.0 does not support by itself."""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Callable
from typing import Any


def import_lava() -> None:
    """Import the one module of lava-nc 0.10.0 that fails on Python 3.11 and later.

    ``lava.magma.compiler.var_model`` has a dataclass instance as the default of a dataclass field.
    Since 3.11 such a default must be hashable, so while that module is imported the dataclasses of
    Lava are made hashable.  Must run before anything else of ``lava`` is imported.
    """
    original: Any = dataclasses.dataclass

    def hashable(cls: type | None = None, /, **options: Any) -> Any:
        def decorate(decorated: type) -> Any:
            if decorated.__module__.startswith("lava."):
                options.setdefault("unsafe_hash", True)
            return original(decorated, **options)

        return decorate if cls is None else decorate(cls)

    replacement: Callable[..., Any] = hashable
    setattr(dataclasses, "dataclass", replacement)  # noqa: B010 - an assignment would not type-check
    try:
        importlib.import_module("lava.magma.compiler.var_model")
    finally:
        setattr(dataclasses, "dataclass", original)  # noqa: B010
