"""The client of a backend that runs under its own supervisor: two files, and events as lines of JSON.

The command is given an input and an output file, and reports progress and errors on its standard output; what it
records is laid out as docs/bundle.md says.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import h5py
import numpy as np
import numpy.typing as npt

from spear_deploy.errors import BackendError, SpearError
from spear_deploy.progress import Tick
from spear_deploy.scratch import scratch
from spear_deploy.storage import atomic_hdf5

_TIMEOUT_EXIT = 4
"""Exit status of a backend after its time limit."""
_STOP_LIMIT = 20.0
"""Seconds that a backend is given to clean up after it was told to stop."""
_SILENCE = 60.0
"""Seconds without a word after which a supervisor, which reports every few, is taken for stopped."""
_LOG_TAIL = 10
"""Lines of a backend's standard error that an error quotes if it says nothing itself."""


@dataclass(frozen=True)
class Record:
    """A backend's recording; neurons are flattened in C, H, W row-major order.

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


@dataclass(frozen=True)
class NetworkFile:
    """The file that a backend runs: the option that names it, and the function that writes it."""

    option: str
    write: Callable[[Path], object]


def run_supervised(
    name: str,
    command: Sequence[str],
    network: NetworkFile,
    inputs: Mapping[str, npt.NDArray[np.integer[Any]]],
    *,
    timeout: float | None,
    progress: Tick | None = None,
) -> Record:
    """Run a backend's ``command`` on ``inputs``: (samples, steps, *shape) integers for each input population.

    ``timeout`` is in seconds; ``progress`` is called with the steps done and to do, a few times a
    second.  When this returns or raises, no process and no file of the run is left; nor if this process is killed.

    Raises :class:`BackendError`: E060 if the backend cannot be started, E062 after the time limit or where it stands
    still, E061 with the backend's message for anything else; :class:`InputError` (E009) if no file can be written.
    """
    with scratch() as folder:
        path, input_path, output_path = (folder / file for file in ("network", "input.h5", "output.h5"))
        network.write(path)
        with atomic_hdf5(input_path) as file:
            for key, values in inputs.items():
                file[f"x/{key}"] = values.astype(np.uint8) if values.dtype == np.bool_ else values
        options = [network.option, str(path), "--input", str(input_path), "--output", str(output_path)]
        options += ["--parent", str(os.getpid()), "--folder", str(folder)]
        options += ["--timeout", str(timeout)] if timeout is not None else []
        with (folder / "stderr").open("w+b") as log:
            _run(name, [*command, *options], log, progress or (lambda done, total: None))
        return _read_record(name, output_path)


def _run(name: str, command: list[str], log: IO[bytes], progress: Tick) -> None:
    """Run the backend to its end; if anything is raised meanwhile, ask it to stop and wait for it."""
    try:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log)
    except OSError as error:
        raise BackendError.of("E060", name, f"cannot start {command[0]}: {error.strerror}") from error
    failure: dict[str, str] = {}
    with process:
        try:
            for line in _lines(name, process):
                event = json.loads(line)
                if event["event"] == "progress" and event["total"]:
                    progress(event["done"], event["total"])
                elif event["event"] == "error":
                    failure = event
            process.wait(_STOP_LIMIT)
        finally:
            _stop(process)
    if process.returncode != 0:
        raise _error(name, process.returncode, failure, log)


def _lines(name: str, process: subprocess.Popen[bytes]) -> Iterator[bytes]:
    """Yield what the supervisor writes; raise E062 if it says nothing for too long."""
    assert process.stdout is not None
    pipe, begun = process.stdout.fileno(), b""
    while True:
        if not select.select([pipe], [], [], _SILENCE)[0]:
            message = (
                f"the backend's supervisor (process {process.pid}) said nothing for {_SILENCE:g} s: is it stopped?"
            )
            raise BackendError.of("E062", name, message, "run it again; see what stopped it")
        block = os.read(pipe, 1 << 16)
        if not block:
            return
        *whole, begun = (begun + block).split(b"\n")
        yield from whole


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
        process.send_signal(signal.SIGCONT)  # one that is stopped hears it only then
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
        fix = "allow more time, or run fewer samples" if failure.get("kind") == "timeout" else "run it again"
        return BackendError.of("E062", name, message, fix)
    return BackendError.of("E061", name, message, f"run: spear-deploy backend check {name}")


def _read_record(name: str, path: Path) -> Record:
    if not path.is_file():
        raise BackendError.of("E061", name, "the backend wrote nothing", f"run: spear-deploy backend check {name}")
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
