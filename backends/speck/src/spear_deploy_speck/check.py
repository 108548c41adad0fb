"""Does the installed sinabs compute what it should?  A small program against a few lines of numpy."""

from __future__ import annotations

import platform
import tempfile
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import h5py
import numpy as np

from spear_deploy_speck.program import SCHEMA
from spear_deploy_speck.simulation import simulate

_CHANNELS, _NEURONS, _STEPS, _THRESHOLD = 12, 7, 20, 0.5


@dataclass(frozen=True)
class Report:
    """Result of a check; ``message`` says what is wrong if it is not ``ok``."""

    ok: bool
    message: str
    python: str
    torch: str
    sinabs: str


def check() -> Report:
    """Run a matrix of 12 inputs and 7 neurons and compare its spikes bit by bit."""
    random = np.random.default_rng(0)
    weight = random.normal(0, 0.5, (_NEURONS, _CHANNELS, 1, 1)).astype(np.float32)
    x = random.integers(0, 3, (2, _STEPS, _CHANNELS))
    scale = np.float32(min(127 / weight.max(), -128 / weight.min()))
    integers, threshold = np.rint(weight * scale).astype(np.int64), int(np.rint(np.float32(_THRESHOLD) * scale))
    with tempfile.TemporaryDirectory(prefix="spear-deploy-") as folder:
        files = [Path(folder, name) for name in ("program.h5", "input.h5", "output.h5")]
        _write(files[0], weight, integers, threshold)
        with h5py.File(files[1], "w") as file:
            file["x/input"] = x
        simulate(*files, lambda done, total: None)
        with h5py.File(files[2], "r") as file:
            found = file["spikes/layer"][()]
    differ = int(np.count_nonzero(found != _steps(x, integers[:, :, 0, 0], threshold)))
    message = f"{differ} of {found.size} bins differ" if differ else f"{found.size} bins equal, {found.sum()} spikes"
    return Report(not differ, message, platform.python_version(), version("torch"), version("sinabs"))


def _steps(x: np.ndarray, weight: np.ndarray, threshold: int) -> np.ndarray:
    spikes = []
    v = np.zeros((len(x), len(weight)), np.int64)
    for step in range(x.shape[1]):
        v += x[:, step] @ weight.T
        fired = np.where(v > 0, v // threshold, 0)
        v = np.maximum(v - fired * threshold, -threshold)
        spikes.append(fired)
    return np.stack(spikes, axis=1)


def _write(path: Path, weight: np.ndarray, integers: np.ndarray, threshold: int) -> None:
    with h5py.File(path, "w") as file:
        file.attrs.update({"schema": SCHEMA, "chip": "speck2f", "inputs": ["input"], "order": ["layer"]})
        file.attrs["outputs"] = ["layer"]
        file.create_group("inputs/input").attrs.update({"shape": (_CHANNELS,), "max_value": 2})
        layer = file.create_group("layers/layer")
        layer.attrs.update({"shape": (_NEURONS,), "core": 0, "stride": (1, 1), "padding": (0, 0), "reset": "subtract"})
        layer.attrs.update({"sources": ["input"], "projections": ["w"], "pools": [1]})
        layer.attrs.update({"threshold": threshold, "low": -threshold})
        layer["weight"] = integers.astype(np.int8)
        layer["float/weight"] = weight
        layer["float"].attrs.update({"threshold": _THRESHOLD, "low": -_THRESHOLD})
