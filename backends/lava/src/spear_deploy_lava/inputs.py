"""Reads input files (HDF5, all integers)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from spear_deploy_lava.errors import BadInputError

IntArray = npt.NDArray[np.integer[Any]]


@dataclass(frozen=True)
class Port:
    """Where input goes: ``shape`` is (C, H, W) or (N,), ``max_value`` the largest payload (1: binary spikes).

    ``is_flat``: any shape of as many values is taken, and flattened in C, H, W order.
    """

    name: str
    shape: tuple[int, ...]
    max_value: int
    is_flat: bool = False

    def takes(self, shape: tuple[int, ...]) -> bool:
        """Say whether values of that shape fit."""
        return math.prod(shape) == math.prod(self.shape) if self.is_flat else shape == self.shape


@dataclass(frozen=True)
class Inputs:
    """``values[port]`` is (samples, steps, *shape)."""

    samples: int
    steps: int
    values: Mapping[str, IntArray]


def read_ports(path: Path, ports: Sequence[Port]) -> Inputs:
    """Read ``x/<name>`` of every port; :class:`BadInputError` if it does not fit."""
    try:
        with h5py.File(path, "r") as file:
            values = {port.name: np.asarray(file["x"][port.name][()]) for port in ports}
    except (OSError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadInputError(f"{path}: not an input file of this network: {error}") from error
    for port in ports:
        _check(path, port, values[port.name])
    lengths = {value.shape[:2] for value in values.values()}
    if len(lengths) != 1:
        raise BadInputError(f"{path}: inputs differ in samples or steps: {sorted(lengths)}")
    samples, steps = lengths.pop()
    if samples == 0 or steps == 0:
        raise BadInputError(f"{path}: {samples} samples of {steps} steps: nothing to run")
    return Inputs(samples, steps, {port.name: _shaped(values[port.name], port) for port in ports})


def _check(path: Path, port: Port, value: IntArray) -> None:
    if not np.issubdtype(value.dtype, np.integer) or value.ndim < 2 or not port.takes(value.shape[2:]):
        expected = ", ".join(str(size) for size in port.shape)
        raise BadInputError(
            f"{path}: input {port.name} is {value.dtype} {value.shape}; expected integers (N, T, {expected})"
        )
    if value.size and (value.max() > port.max_value or (value.min() < 0 and port.max_value == 1)):
        raise BadInputError(f"{path}: input {port.name} holds values beyond 0..{port.max_value}")


def _shaped(value: IntArray, port: Port) -> IntArray:
    return value.reshape(*value.shape[:2], *port.shape)
