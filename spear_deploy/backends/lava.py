"""Runs programs of Loihi on Lava, in the backend's own environment."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from spear_deploy.backends.environment_backend import EnvironmentBackend, by_sample
from spear_deploy.backends.lava_process import ENVIRONMENT, unpacked
from spear_deploy.backends.lava_sigma_delta import run_sigma_delta
from spear_deploy.backends.supervised import NetworkFile, Record, run_supervised
from spear_deploy.errors import Finding
from spear_deploy.progress import Tick
from spear_deploy.recording import Recording
from spear_deploy.targets.loihi import registers
from spear_deploy.targets.loihi.program import LoihiProgram
from spear_deploy.targets.loihi.program_file import write_program
from spear_deploy.targets.loihi.sigma_delta.program import SigmaDeltaProgram


def run_lava(
    write: Callable[[Path], object],
    inputs: Mapping[str, npt.NDArray[np.integer[Any]]],
    *,
    timeout: float | None,
    progress: Tick | None = None,
    final_state: bool = False,
) -> Record:
    """Run the program that ``write`` puts into a file on ``inputs``: (samples, steps, *shape) integers each.

    ``final_state``: u and v after the last step are recorded.  Raises as :func:`run_supervised` does, and
    :class:`BackendError` (E060) if the backend is not installed.
    """
    command = [*ENVIRONMENT.command(), "run", *(["--final-state"] if final_state else [])]
    network = NetworkFile("--program", write)
    return run_supervised("lava", command, network, inputs, timeout=timeout, progress=progress)


@dataclass(frozen=True)
class Kind:
    """How to run programs of one type: why one cannot be run, and the recording of payloads (steps, samples, *shape).

    ``run`` takes ``timeout`` and ``tick`` as a backend's does, and raises as that does.
    """

    refusals: Callable[[Any], Sequence[Finding]]
    run: Callable[..., Recording]


def _other_registers(program: LoihiProgram) -> Sequence[Finding]:
    """Find registers that Lava's models do not have (E034)."""
    if program.arithmetic == registers.LAVA:
        return ()
    message = f"{program.chip} has registers of other widths than Lava's models: {program.arithmetic}"
    return (Finding("E034", "lava", message, "validate on the emulator, or use Loihi's widths"),)


def _run_spiking(
    program: LoihiProgram, inputs: Mapping[str, npt.NDArray[Any]], *, timeout: float | None, tick: Tick | None
) -> Recording:
    record = run_lava(lambda path: write_program(path, program), by_sample(inputs), timeout=timeout, progress=tick)
    return unpacked(program, record, inputs)


KINDS = {
    LoihiProgram: Kind(_other_registers, _run_spiking),
    SigmaDeltaProgram: Kind(lambda program: (), run_sigma_delta),
}
"""By the type of the program."""


class LavaBackend(EnvironmentBackend):
    """Lava's fixed-point models, under a supervisor in a process of their own."""

    name = "lava"
    targets = frozenset({"loihi"})
    environment = ENVIRONMENT

    def refusals(self, program: Any) -> Sequence[Finding]:
        """Find what Lava's models do not have (E034)."""
        return KINDS[type(program)].refusals(program)

    def record(
        self, program: Any, inputs: Mapping[str, npt.NDArray[Any]], *, timeout: float | None, tick: Tick | None
    ) -> Recording:
        """Run a program as its type is run."""
        return KINDS[type(program)].run(program, inputs, timeout=timeout, tick=tick)


LAVA = LavaBackend()
