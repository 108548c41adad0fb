"""Runs a program's file on an input file, sample by sample."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt
import sinabs
import torch

from spear_deploy_speck.errors import BadInputError
from spear_deploy_speck.network import build
from spear_deploy_speck.program import read_program


def simulate(program_path: Path, input_path: Path, output_path: Path, progress: Callable[[int, int], None]) -> int:
    """Write the spikes of every layer; return the number of steps.  Raises :class:`BadInputError`."""
    started = time.monotonic()
    program = read_program(program_path)
    ((port, shape),) = program.inputs.items()
    x = _read_input(input_path, port, shape)
    with torch.no_grad():
        network, layers = build(program)
        recorded: dict[str, npt.NDArray[Any]] = {}
        for name, layer in layers.items():
            layer.spk.register_forward_hook(_keeper(recorded, name))
        spikes = {layer.name: np.zeros((*x.shape[:2], int(np.prod(layer.shape))), np.int32) for layer in program.layers}
        begun = time.monotonic()
        for number, sample in enumerate(x):
            sinabs.reset_states(network)
            network(torch.tensor(sample.reshape(len(sample), *_as_map(shape)), dtype=torch.float32))
            for name, values in spikes.items():
                values[number] = recorded[name].reshape(len(sample), -1)
            progress(number + 1, len(x))
    ended = time.monotonic()
    steps = x.shape[0] * x.shape[1]
    _write(output_path, spikes, {"steps": steps, "seconds_run": ended - begun, "seconds_total": ended - started})
    return steps


def _keeper(recorded: dict[str, npt.NDArray[Any]], name: str) -> Callable[..., None]:
    def keep(module: object, given: object, sent: torch.Tensor) -> None:
        recorded[name] = sent.detach().numpy()

    return keep


def _as_map(shape: tuple[int, ...]) -> tuple[int, ...]:
    return shape if len(shape) == 3 else (shape[0], 1, 1)


def _read_input(path: Path, port: str, shape: tuple[int, ...]) -> npt.NDArray[Any]:
    try:
        with h5py.File(path, "r") as file:
            x = np.asarray(file["x"][port][()])
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise BadInputError(f"{path}: not an input file of this program: {error}") from error
    if not np.issubdtype(x.dtype, np.integer) or x.ndim < 3 or x.shape[2:] != shape or not x.size or x.min() < 0:
        raise BadInputError(f"{path}: input {port} is {x.dtype} {x.shape}; expected counts (N, T, {shape})")
    return x


def _write(path: Path, spikes: dict[str, npt.NDArray[Any]], attributes: dict[str, Any]) -> None:
    """Write the output; the file appears when it is complete."""
    temporary = path.with_name(path.name + ".part")
    try:
        with h5py.File(temporary, "w") as file:
            file.attrs.update(attributes)
            for package in ("sinabs", "torch", "numpy"):
                file.attrs[f"{package}_version"] = version(package)
            file.attrs["python_version"] = platform.python_version()
            for name, values in spikes.items():
                file.create_dataset(f"spikes/{name}", data=values, compression="gzip", compression_opts=1)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
