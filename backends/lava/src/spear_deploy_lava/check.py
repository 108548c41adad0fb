"""Does the installed Lava compute what it should?  A small network against a few lines of numpy."""

from __future__ import annotations

import platform
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from spear_deploy_lava.job import Job
from spear_deploy_lava.program import SCHEMA
from spear_deploy_lava.supervisor import Outcome

_SIZES = (12, 9, 4)
_SAMPLES, _STEPS = 2, 12
_DU, _DV, _VTH = 2047, 410, 300


@dataclass(frozen=True)
class Report:
    """Result of a check; ``message`` says what is wrong if it is not ``ok``."""

    ok: bool
    message: str
    python: str
    numpy: str
    lava: str


def check(run: Callable[[Job], Outcome]) -> Report:
    """Run a random two-layer network with ``run`` and compare its spikes bit by bit."""
    random = np.random.default_rng(0)
    weights = [random.integers(-127, 128, (_SIZES[i + 1], _SIZES[i])) for i in range(2)]
    spikes = (random.random((_SAMPLES, _STEPS, _SIZES[0])) < 0.4).astype(np.uint8)
    with tempfile.TemporaryDirectory(prefix="spear-deploy-") as folder:
        program, inputs, output = (str(Path(folder, name)) for name in ("program.h5", "input.h5", "output.h5"))
        job = Job(program, inputs, output, final_state=False)
        _write_program(Path(job.program), weights)
        with h5py.File(job.input, "w") as file:
            file["x/input"] = spikes
        outcome = run(job)
        if outcome.failure is not None:
            return _report(f"{outcome.failure.message}\n{outcome.failure.traceback}".strip())
        if outcome.code != 0:
            return _report("interrupted")
        for index, expected in enumerate(_reference(weights, spikes)):
            with h5py.File(job.output, "r") as file:
                measured = file[f"spikes/layer{index}"][()]
                lava = str(file.attrs["lava_version"])
            if not np.array_equal(measured, np.packbits(expected, axis=-1)):
                return _report(f"the spikes of layer {index} differ from the reference", lava)
    return _report("", lava)


def _report(message: str, lava: str = "") -> Report:
    return Report(not message, message, platform.python_version(), np.__version__, lava)


def _write_program(path: Path, weights: list[npt.NDArray[np.int64]]) -> None:
    names = ["input", "layer0", "layer1"]
    neurons = {"du": _DU, "dv": _DV, "vth": _VTH, "bias_mant": 0, "bias_exp": 0}
    with h5py.File(path, "w") as file:
        file.attrs.update({"schema": SCHEMA, "order": names})
        for level, name in enumerate(names):
            group = file.create_group(f"populations/{name}")
            group.attrs.update({"kind": "lif" if level else "input", "shape": [_SIZES[level]], "level": level})
            group.attrs["max_value"] = 1
            for field, value in neurons.items() if level else ():
                group[field] = np.int32(value)
        for index, weight in enumerate(weights):
            group = file.create_group(f"projections/synapses{index}")
            ends = {"source": names[index], "target": names[index + 1]}
            group.attrs.update({"kind": "dense", "delay": 0, "weight_exp": 0, **ends})
            group["weight"] = weight.astype(np.int16)


def _reference(weights: list[npt.NDArray[np.int64]], spikes: npt.NDArray[Any]) -> list[npt.NDArray[np.bool_]]:
    """Spikes (samples, steps, neurons) of each layer, from the equations of Lava's fixed-point LIF."""

    def decayed(value: npt.NDArray[np.int64], decay: int) -> npt.NDArray[np.int64]:
        result: npt.NDArray[np.int64] = np.sign(value) * (np.abs(value) * (4096 - decay) >> 12)
        return result

    layers = []
    for weight in weights:
        arriving = spikes.astype(np.int64) @ weight.T
        u = v = np.zeros((_SAMPLES, len(weight)), np.int64)
        fired = np.zeros(arriving.shape, bool)
        for step in range(_STEPS):
            u = decayed(u, _DU + 1) + (arriving[:, step] << 6)
            v = decayed(v, _DV) + u
            fired[:, step] = v > _VTH << 6
            v = np.where(fired[:, step], 0, v)
        layers.append(fired)
        spikes = fired
    return layers
