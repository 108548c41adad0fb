"""Running a program on samples, and validating a backend: its spikes against the emulator's."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spear_deploy.backends import check_runs
from spear_deploy.backends.parallel import run_in_parallel
from spear_deploy.errors import BackendError, SpearError
from spear_deploy.measure.activity import Activity
from spear_deploy.measure.runs import program_recorder
from spear_deploy.progress import Tick
from spear_deploy.recording import Recording
from spear_deploy.storage import atomic_hdf5
from spear_deploy.targets import Program
from spear_deploy.validate.crosscheck import Validation, cross_check

_BUG = "this is a bug of the backend; choose another --backend"


@dataclass(frozen=True)
class RunOptions:
    """How a backend is run.

    ``timeout`` is in seconds; ``tick`` is told the progress; ``decide`` names the decision rule (None: the usual one of
    the output).  A backend with code of its own runs the samples in ``jobs`` processes: what is recorded does not
    depend on their number.
    """

    timeout: float | None = None
    tick: Tick | None = None
    decide: str | None = None
    jobs: int = 1


_DEFAULT = RunOptions()


@dataclass(frozen=True, eq=False)
class Run:
    """A backend's recording on samples, and the activity counted from it."""

    recording: Recording
    activity: Activity


@dataclass(frozen=True, eq=False)
class BackendRun:
    """A backend compared with the emulator, the activity counted from its spikes, and its run time in seconds."""

    validation: Validation
    activity: Activity
    seconds: float


def run_on(
    backend: str,
    program: Program,
    x: NDArray[Any],
    y: NDArray[np.int64],
    options: RunOptions = _DEFAULT,
) -> Run:
    """Run payloads ``x`` (N, T, *shape) with labels ``y`` (N,) on a backend.

    Raises :class:`BackendError`: E060 (not installed, or not for this target), E061 (failed), E062 (timed out), and
    :class:`UnsupportedError` for a program that the backend cannot hold; :class:`InputError` (E008, E015) for the rule.
    """
    check_runs(backend, program)
    recorder = program_recorder(program, options.decide)
    (port,) = program.inputs
    try:
        inputs = {port.name: np.moveaxis(x, 1, 0)}
        recording = run_in_parallel(
            backend, program, inputs, timeout=options.timeout, tick=options.tick, jobs=options.jobs
        )
        missing = [p.name for p in program.populations if p.name not in {*recording.spikes, *recording.membrane}]
    except SpearError:
        raise
    except Exception as error:  # from a backend of another distribution: its bug must not cost the report
        raise BackendError.of("E061", backend, f"{type(error).__name__}: {error}", _BUG) from error
    if missing:
        raise BackendError.of("E061", backend, f"recorded nothing of {', '.join(missing)}", _BUG)
    recorder.add(recording.spikes, recording.output(recorder.output), y)
    return Run(recording, recorder.activity())


def validate_on(
    backend: str,
    program: Program,
    x: NDArray[Any],
    y: NDArray[np.int64],
    options: RunOptions = _DEFAULT,
) -> BackendRun:
    """Run payloads ``x`` (N, T, *shape) on a backend and on the target's reference emulator, and compare every spike.

    Raises as :func:`run_on` does.
    """
    theirs = run_on(backend, program, x, y, options)
    ours = run_on("reference", program, x, y, RunOptions(decide=options.decide))
    verdict = cross_check(program, ours.recording, theirs.recording, backend)
    return BackendRun(verdict, theirs.activity, theirs.recording.seconds)


def write_run(path: Path, program: Program, run: Run) -> None:
    """Write /spikes/POPULATION and /potentials/POPULATION, (N, T, *shape), and /labels, atomically."""
    with atomic_hdf5(path) as file:
        for name in program.shapes:
            kind = "spikes" if name in run.recording.spikes else "potentials"
            raster = np.moveaxis(run.recording.output(name), 0, 1)
            file.create_dataset(f"{kind}/{name}", data=raster, compression="gzip")
        file.create_dataset("labels", data=run.activity.labels)
