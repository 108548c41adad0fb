"""The client of a backend that runs under its own supervisor: two files, and events as lines of JSON.

The command is given an input and an output file, and reports progress and errors on its standard output; what it
records is laid out as docs/bundle.md says.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import h5py
import numpy as np
import numpy.typing as npt

from spear_deploy.errors import BackendError, SpearError
from spear_deploy.progress import Tick

_TIMEOUT_EXIT = 4
"""Exit status of a backend after its time limit."""
_STOP_LIMIT = 20.0
"""Seconds that a backend is given to clean up after it was told to stop."""
_LOG_TAIL = 10
"""Lines of a backend's standard error that an error quotes if it says nothing itself."""


@dataclass(frozen=True)
class Record:
    """What a backend recorded; neurons are flattened in C, H, W row-major order.

    ``spikes[population]`` is uint8 (samples, steps, ceil(neurons / 8)), packed with the first neuron in
    the highest bit (:func:`numpy.unpackbits` with ``count=neurons``).  ``potentials[population]`` is
    int32 (samples, steps, neurons): v of a readout after each step.  ``final[population]`` is (u, v),
    int32 (neurons,), after the last step of the last sample.  ``seconds_run`` is the simulation alone,
    ``seconds_total`` includes reading the files and building the network; ``steps`` are the backend's.
    """

    spikes: Mapping[str, npt.NDArray[np.uint8]]
    potentials: Mapping[str, npt.NDArray[np.int32]]
    final: Mapping[str, tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]]
    steps: int
    seconds_total: float
    seconds_run: float
    versions: Mapping[str, str]


def run_supervised(
    name: str,
    command: Sequence[str],
    inputs: Mapping[str, npt.NDArray[np.integer[Any]]],
    *,
    timeout: float | None,
    progress: Tick | None = None,
) -> Record:
    """Run a backend's ``command`` on ``inputs``: (samples, steps, *shape) integers for each input population.

    ``timeout`` is in seconds; ``progress`` is called with the steps done and to do, a few times a
    second.  When this returns or raises, no process and no file of the run is left.

    Raises :class:`BackendError`: E060 if the backend cannot be started, E062 after the time limit, E061
    with the backend's message for anything else.
    """
    with tempfile.TemporaryDirectory(prefix="spear-deploy-") as folder:
        input_path, output_path = Path(folder, "input.h5"), Path(folder, "output.h5")
        _write_inputs(input_path, inputs)
        limit = ["--timeout", str(timeout)] if timeout is not None else []
        files = ["--input", str(input_path), "--output", str(output_path)]
        with Path(folder, "stderr").open("w+b") as log:
            whole = [*command, *files, "--parent", str(os.getpid()), *limit]
            _run(name, whole, log, progress or (lambda done, total: None))
        return _read_record(output_path)


def _run(name: str, command: list[str], log: IO[bytes], progress: Tick) -> None:
    """Run the backend to its end; it is told to stop, and waited for, if anything is raised meanwhile."""
    try:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True)
    except OSError as error:
        raise BackendError.of("E060", name, f"cannot start {command[0]}: {error.strerror}") from error
    failure: dict[str, str] = {}
    with process:
        try:
            assert process.stdout is not None
            for line in process.stdout:
                event = json.loads(line)
                if event["event"] == "progress":
                    progress(event["done"], event["total"])
                elif event["event"] == "error":
                    failure = event
            process.wait()
        finally:
            _stop(process)
    if process.returncode != 0:
        raise _error(name, process.returncode, failure, log)


def _stop(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(_STOP_LIMIT)
        except subprocess.TimeoutExpired:
            process.kill()


def _error(name: str, status: int, failure: dict[str, str], log: IO[bytes]) -> SpearError:
    if failure:
        details = failure.get("traceback", "").strip()
        message = f"{failure['message']}\n{details}" if details else failure["message"]
    else:
        log.seek(0)
        lines = log.read().decode(errors="replace").splitlines()[-_LOG_TAIL:]
        reason = f"signal {-status}" if status < 0 else f"status {status}"
        message = "\n".join([f"the backend ended with {reason}", *lines])
    if status == _TIMEOUT_EXIT:
        return BackendError.of("E062", name, message, "allow more time, or run fewer samples")
    return BackendError.of("E061", name, message, f"run: spear-deploy backend check {name}")


def _write_inputs(path: Path, inputs: Mapping[str, npt.NDArray[np.integer[Any]]]) -> None:
    with h5py.File(path, "w") as file:
        for name, values in inputs.items():
            file[f"x/{name}"] = values.astype(np.uint8) if values.dtype == np.bool_ else values


def _read_record(path: Path) -> Record:
    with h5py.File(path, "r") as file:
        return Record(
            spikes={name: dataset[()] for name, dataset in file["spikes"].items()},
            potentials={name: dataset[()] for name, dataset in file.get("potentials", {}).items()},
            final={name: (group["u"][()], group["v"][()]) for name, group in file.get("final", {}).items()},
            steps=int(file.attrs["steps"]),
            seconds_total=float(file.attrs["seconds_total"]),
            seconds_run=float(file.attrs["seconds_run"]),
            versions={
                key.removesuffix("_version"): str(value)
                for key, value in file.attrs.items()
                if key.endswith("_version")
            },
        )
