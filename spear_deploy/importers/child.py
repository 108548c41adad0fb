"""The child of :mod:`spear_deploy.importers.isolated`: runs the user's file, imports its module, writes a NIR file.

``python -m spear_deploy.importers.child FILE NAME SHAPE SEED OUTPUT RESULT``: RESULT gets what is to be told, as JSON.
"""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from spear_deploy.errors import InputError
from spear_deploy.importers.detect import from_module, is_module
from spear_deploy.user_code import named_in_file, write_told


def main(file: str, name: str, shape: str, seed: str, output: str, result: str) -> None:
    """Import ``name`` of ``file`` and write it to ``output``."""
    import torch

    def work() -> dict[str, Any]:
        module = _module(named_in_file(Path(file), name), f"{file}:{name}")
        sample = torch.zeros(1, *map(int, shape.split(",")))
        imported = from_module(module.eval(), sample, seed=int(seed))
        imported.save(output)
        return {"notes": [asdict(note) for note in imported.notes]}

    write_told(Path(result), work)


def _module(value: Any, where: str) -> Any:
    """Return a torch module, or what a function or class without arguments makes."""
    if not is_module(value) and callable(value):
        value = value()
    if not is_module(value):
        fix = "name a module, or a function without arguments that returns one"
        raise InputError.of("E048", where, f"{type(value).__name__} is not a torch module", fix)
    return value


if __name__ == "__main__":
    main(*sys.argv[1:])
