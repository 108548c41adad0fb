"""Does the installed Lava compute what it should?  A small network against a few lines of numpy."""

from __future__ import annotations

import platform
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
import numpy.typing as npt

from spear_deploy_lava.comparison import DU, DV, VTH, Integers, compare, integrate
from spear_deploy_lava.job import Job
from spear_deploy_lava.program import SCHEMA
from spear_deploy_lava.supervisor import Outcome

_NAMES = ("input", "layer0", "layer1")
_SIZES = (12, 9, 4)
_ENDS = ((0, 1), (1, 1), (1, 2))
_RESETS = ("", "value", "subtract")
_SAMPLES, _STEPS = 2, 12


class _Weights(NamedTuple):
    """Into a first layer, from that back to itself, and on to a second."""

    first: Integers
    back: Integers
    second: Integers


@dataclass(frozen=True)
class Report:
    """Result of a check; ``message`` says what is wrong if it is not ``ok``."""

    ok: bool
    message: str
    python: str
    numpy: str
    lava: str


def check(run: Callable[[Job], Outcome]) -> Report:
    """Run a random recurrent network of two layers with ``run`` and compare its spikes bit by bit."""
    random = np.random.default_rng(0)
    weights = _Weights(*(random.integers(-127, 128, (_SIZES[target], _SIZES[source])) for source, target in _ENDS))
    spikes = (random.random((_SAMPLES, _STEPS, _SIZES[0])) < 0.4).astype(np.uint8)
    with tempfile.TemporaryDirectory(prefix="spear-deploy-") as folder:
        program, inputs, output = (str(Path(folder, name)) for name in ("program.h5", "input.h5", "output.h5"))
        _write_program(Path(program), weights)
        with h5py.File(inputs, "w") as file:
            file["x/input"] = spikes
        expected = dict(zip(_NAMES[1:], _reference(weights, spikes.astype(np.int64)), strict=True))
        compared = compare(run, Job("program", program, inputs, output), expected)
    message = compared.message
    return Report(not message, message, platform.python_version(), np.__version__, compared.version("lava"))


def _write_program(path: Path, weights: _Weights) -> None:
    registers = {"du": DU, "dv": DV, "vth": VTH, "bias_mant": 0, "bias_exp": 0}
    with h5py.File(path, "w") as file:
        file.attrs.update({"schema": SCHEMA, "order": _NAMES})
        for level, name in enumerate(_NAMES):
            group = file.create_group(f"populations/{name}")
            group.attrs.update({"kind": "lif" if level else "input", "shape": [_SIZES[level]], "level": level})
            group.attrs.update({"max_value": 1, "reset": _RESETS[level], "late": False})
            group.attrs["compare"] = "ge" if _RESETS[level] == "subtract" else "gt"
            for register, value in registers.items() if level else ():
                group[register] = np.int32(value)
        for (source, target), weight in zip(_ENDS, weights, strict=True):
            group = file.create_group(f"projections/{_NAMES[source]} to {_NAMES[target]}")
            ends = {"source": _NAMES[source], "target": _NAMES[target]}
            group.attrs.update({"kind": "dense", "delay": 0, "weight_exp": 0, **ends})
            group["weight"] = weight.astype(np.int16)


def _reference(weights: _Weights, spikes: Integers) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Spikes (samples, steps, neurons) of each layer."""
    threshold = VTH << 6
    u0 = v0 = s0 = np.zeros((_SAMPLES, _SIZES[1]), np.int64)
    u1 = v1 = np.zeros((_SAMPLES, _SIZES[2]), np.int64)
    layer0, layer1 = [], []
    for step in range(_STEPS):
        u0, v0 = integrate(u0, v0, spikes[:, step] @ weights.first.T + s0 @ weights.back.T)
        s0 = (v0 > threshold).astype(np.int64)
        v0 = np.where(s0, 0, v0)
        u1, v1 = integrate(u1, v1, s0 @ weights.second.T)
        s1 = v1 >= threshold
        v1 = np.where(s1, v1 - threshold, v1)
        layer0.append(s0 > 0)
        layer1.append(s1)
    return np.stack(layer0, axis=1), np.stack(layer1, axis=1)
