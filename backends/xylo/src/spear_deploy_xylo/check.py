"""Does the installed xylosim compute what it should?  A recurrent program against a few lines of Python."""

from __future__ import annotations

import platform
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import h5py
import numpy as np

from spear_deploy_xylo.program import SCHEMA, IntArray
from spear_deploy_xylo.supervisor import Job, Outcome

_SIZES = {"input": 5, "hidden": 7, "out": 3}
_SAMPLES, _STEPS = 2, 24
_REGISTERS = {"dash_syn": 2, "dash_mem": 3, "threshold": 150, "bias": 4}
_PAIRS = (("input", "hidden"), ("hidden", "hidden"), ("hidden", "out"))


@dataclass(frozen=True)
class Report:
    """Result of a check; ``message`` says what is wrong if it is not ``ok``."""

    ok: bool
    message: str
    python: str
    numpy: str
    xylosim: str


def check(run: Callable[[Job], Outcome], folder: str | None = None) -> Report:
    """Run a random recurrent program with ``run`` and compare its spikes one by one."""
    random = np.random.default_rng(0)
    weights = {pair: random.integers(-90, 128, (_SIZES[pair[1]], _SIZES[pair[0]])) for pair in _PAIRS}
    weights["hidden", "hidden"] //= 4
    events = random.integers(0, 4, (_SAMPLES, _STEPS, _SIZES["input"])) * (random.random((_SAMPLES, _STEPS, 1)) < 0.5)
    with tempfile.TemporaryDirectory(prefix="spear-deploy-", dir=folder) as own:
        job = Job(*(str(Path(own, name)) for name in ("program.h5", "input.h5", "output.h5")))
        _write_program(Path(job.program), weights)
        with h5py.File(job.input, "w") as file:
            file["x/input"] = events
        outcome = run(job)
        message = _compare(Path(job.output), weights, events) if outcome.code == 0 else _reason(outcome)
    return Report(not message, message, platform.python_version(), np.__version__, version("xylosim"))


def _reason(outcome: Outcome) -> str:
    return f"exit status {outcome.code}" if outcome.failure is None else outcome.failure.message


def _compare(path: Path, weights: dict[tuple[str, str], IntArray], events: IntArray) -> str:
    with h5py.File(path, "r") as file:
        found = {name: file[f"spikes/{name}"][()] for name in ("hidden", "out")}
    for sample, x in enumerate(events):
        for name, expected in zip(("hidden", "out"), _reference(weights, x), strict=True):
            differing = int(np.count_nonzero(found[name][sample] != expected))
            if differing or not expected.any():
                return f"{differing} of {expected.size} bins of {name} differ in sample {sample}"
    return ""


def _reference(weights: dict[tuple[str, str], IntArray], x: IntArray) -> tuple[IntArray, IntArray]:
    """Return the spikes (steps, neurons) of one sample, hidden neurons and outputs; nothing saturates."""
    i, v = ({name: np.zeros(_SIZES[name], np.int64) for name in ("hidden", "out")} for _ in range(2))
    sent: IntArray = np.zeros(_SIZES["hidden"], np.int64)
    record: dict[str, list[IntArray]] = {"hidden": [], "out": []}
    for step in [*x, 0 * x[0]]:
        arriving = {
            "hidden": weights["input", "hidden"] @ step + weights["hidden", "hidden"] @ sent,
            "out": weights["hidden", "out"] @ sent,
        }
        for name, most in (("hidden", 31), ("out", 1)):
            i[name] = _decayed(i[name] + arriving[name], _REGISTERS["dash_syn"])
            v[name] = _decayed(v[name], _REGISTERS["dash_mem"]) + i[name] + _REGISTERS["bias"]
            fired = np.clip(v[name] // _REGISTERS["threshold"], 0, most)
            v[name] = v[name] - fired * _REGISTERS["threshold"]
            record[name].append(fired)
        sent = record["hidden"][-1]
    return np.array(record["hidden"][:-1]), np.array(record["out"][1:])


def _decayed(x: IntArray, dash: int) -> IntArray:
    taken = x >> dash
    return x - np.where((taken == 0) & (x > 0), 1, taken)


def _write_program(path: Path, weights: dict[tuple[str, str], IntArray]) -> None:
    with h5py.File(path, "w") as file:
        file.attrs.update({"schema": SCHEMA, "inputs": ["input"], "order": ["hidden", "out"], "outputs": ["out"]})
        file.attrs.update({"shift_input": 0, "shift_recurrent": 0, "shift_output": 0})
        file.create_group("inputs/input").attrs["shape"] = [_SIZES["input"]]
        for depth, name in enumerate(("hidden", "out")):
            group = file.create_group(f"populations/{name}")
            group.attrs.update({"shape": [_SIZES[name]], "depth": depth, "is_output": name == "out"})
            for register, value in _REGISTERS.items():
                group[register] = np.full(_SIZES[name], value, np.int32)
        for (source, target), weight in weights.items():
            group = file.create_group(f"projections/{source} to {target}")
            group.attrs.update({"source": source, "target": target})
            group["weight"] = weight.astype(np.int8)
