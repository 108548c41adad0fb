"""The child of :mod:`spear_deploy.importers.isolated`: runs the user's file, imports its module, writes a NIR file.

``python -m spear_deploy.importers.child FILE NAME SHAPE SEED OUTPUT RESULT``: RESULT gets what is to be told, as JSON.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from spear_deploy.errors import InputError, SpearError
from spear_deploy.importers.detect import from_module, is_module


def main(file: str, name: str, shape: str, seed: str, output: str, result: str) -> None:
    """Import ``name`` of ``file``; whatever a :class:`SpearError` finds is written down, others end the process."""
    import torch

    try:
        module = _module(_named(Path(file), name), f"{file}:{name}")
        sample = torch.zeros(1, *map(int, shape.split(",")))
        imported = from_module(module.eval(), sample, seed=int(seed))
        imported.save(output)
        told: dict[str, Any] = {"notes": [asdict(note) for note in imported.notes]}
    except SpearError as error:
        told = {"error": type(error).__name__, "findings": [asdict(finding) for finding in error.findings]}
    Path(result).write_text(json.dumps(told, default=str), encoding="utf-8")


def _named(file: Path, name: str) -> Any:
    """Run the file as a module of its own name, beside which it may import others; return what it calls ``name``."""
    sys.path.insert(0, str(file.resolve().parent))
    specification = importlib.util.spec_from_file_location(file.stem, file)
    assert specification is not None
    assert specification.loader is not None
    loaded = importlib.util.module_from_spec(specification)
    sys.modules[file.stem] = loaded
    specification.loader.exec_module(loaded)
    value: Any = loaded
    for part in name.split("."):
        if not hasattr(value, part):
            raise InputError.of("E048", f"{file}:{name}", f"there is no {part!r}", "name what the file assigns")
        value = getattr(value, part)
    return value


def _module(value: Any, where: str) -> Any:
    """Return a torch module, or what a function or class without arguments makes."""
    if not is_module(value) and callable(value):
        value = value()
    if not is_module(value):
        fix = "name a module, or a function without arguments that returns one"
        raise InputError.of("E048", where, f"{type(value).__name__} is no torch module", fix)
    return value


if __name__ == "__main__":
    main(*sys.argv[1:])
