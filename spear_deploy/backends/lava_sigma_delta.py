"""Runs sigma-delta programs on Lava's own models, in the environment and under the supervisor of the Lava backend."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from spear_deploy.backends.environment_backend import by_sample, recording_of
from spear_deploy.backends.lava_process import ENVIRONMENT
from spear_deploy.backends.supervised import NetworkFile, run_supervised
from spear_deploy.progress import Tick
from spear_deploy.recording import Recording
from spear_deploy.targets.loihi.sigma_delta.program import SigmaDeltaProgram
from spear_deploy.targets.loihi.sigma_delta.program_file import write_program


def run_sigma_delta(
    program: SigmaDeltaProgram, inputs: Mapping[str, NDArray[Any]], *, timeout: float | None, tick: Tick | None
) -> Recording:
    """Run integers (steps, samples, *shape): messages as spikes, a decoder's sums as its membrane.

    Raises as :func:`run_supervised` does, and :class:`BackendError` (E060) if the backend is not installed.
    """
    network = NetworkFile("--sigma-delta", lambda path: write_program(path, program))
    command, given = [*ENVIRONMENT.command(), "run"], by_sample(inputs)
    record = run_supervised("lava", command, network, given, timeout=timeout, progress=tick)
    return recording_of(program, {**record.spikes, **record.potentials}, inputs, record.seconds_total)
