"""Reads ``program.h5`` of Speck, schema 1 (docs/speck.md)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import numpy.typing as npt

from spear_deploy_speck.errors import BadInputError

SCHEMA = 1
Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int8]


@dataclass(frozen=True, eq=False)
class Parameters:
    """Weights (F, C, k, k), biases (F,) or None, threshold and lower limit: in float, or as integers."""

    weight: Floats | Ints
    bias: Floats | Ints | None
    threshold: float
    low: float


@dataclass(frozen=True, eq=False)
class Layer:
    """One layer; ``sources`` are names of populations, each with how many cells are pooled on a side."""

    name: str
    shape: tuple[int, ...]
    core: int
    sources: tuple[tuple[str, int], ...]
    stride: tuple[int, int]
    padding: tuple[int, int]
    zeroes: bool
    floats: Parameters
    integers: Parameters


@dataclass(frozen=True, eq=False)
class Program:
    """Layers in order of execution, behind inputs of given shapes."""

    chip: str
    inputs: Mapping[str, tuple[int, ...]]
    layers: tuple[Layer, ...]


def read_program(path: Path) -> Program:
    """Read a program; raise :class:`BadInputError` if it is none."""
    try:
        with h5py.File(path, "r") as file:
            if file.attrs["schema"] != SCHEMA:
                raise BadInputError(f"{path}: schema {file.attrs['schema']}, not {SCHEMA}")
            inputs = {str(n): tuple(map(int, file["inputs"][n].attrs["shape"])) for n in file.attrs["inputs"]}
            layers = tuple(_layer(str(name), file["layers"][name]) for name in file.attrs["order"])
            return Program(str(file.attrs["chip"]), inputs, layers)
    except (OSError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadInputError(f"{path}: no program of Speck: {error}") from error


def _layer(name: str, group: h5py.Group) -> Layer:
    attrs = group.attrs
    return Layer(
        name,
        tuple(map(int, attrs["shape"])),
        int(attrs["core"]),
        tuple((str(source), int(pool)) for source, pool in zip(attrs["sources"], attrs["pools"], strict=True)),
        (int(attrs["stride"][0]), int(attrs["stride"][1])),
        (int(attrs["padding"][0]), int(attrs["padding"][1])),
        attrs["reset"] == "zero",
        _parameters(group["float"]),
        _parameters(group),
    )


def _parameters(group: h5py.Group) -> Parameters:
    bias = group["bias"][()] if "bias" in group else None
    return Parameters(group["weight"][()], bias, float(group.attrs["threshold"]), float(group.attrs["low"]))
