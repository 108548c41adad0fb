"""Writes output files (HDF5)."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt


def run_attributes(steps: int, seconds_total: float, seconds_run: float) -> dict[str, Any]:
    """Return what every output file says of its run: the steps and seconds that it took, and versions."""
    return {
        "seconds_total": seconds_total,
        "seconds_run": seconds_run,
        "steps": steps,
        "lava_version": version("lava-nc"),
        "python_version": platform.python_version(),
        "numpy_version": np.__version__,
    }


def write_output(
    path: Path, groups: Mapping[str, Mapping[str, npt.NDArray[Any]]], attributes: Mapping[str, Any]
) -> None:
    """Write the data sets of each group; the file appears at ``path`` when it is complete."""
    temporary = path.with_name(path.name + ".part")
    try:
        with h5py.File(temporary, "w") as file:
            file.attrs.update(attributes)
            for name, datasets in groups.items():
                file.create_group(name).update(datasets)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
