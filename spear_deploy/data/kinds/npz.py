"""Arrays in an ``.npz`` file."""

from __future__ import annotations

from pathlib import Path

from spear_deploy.data.arrays import load_npz
from spear_deploy.data.kind import Kind, of_arrays
from spear_deploy.storage import is_file


def _takes(name: str) -> bool:
    return name.endswith(".npz") or is_file(Path(name))


NPZ = Kind("FILE.npz", _takes, of_arrays, lambda name, options: load_npz(Path(name), options))
