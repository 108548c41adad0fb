"""A target's own emulators as backends: they need no installation.

``emulator`` is the one that measures, ``reference`` the one with which other backends are compared; for most targets
they are the same.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from numpy.typing import NDArray

from spear_deploy.errors import Finding
from spear_deploy.execution import Execution
from spear_deploy.progress import Tick
from spear_deploy.recording import Recording
from spear_deploy.targets import Program, emulated_target
from spear_deploy.targets.protocol import Emulator, run_in_batches


class EmulatorBackend:
    """Runs programs of every target like the chip, in this process: all measurements come from it."""

    name = "emulator"
    targets: frozenset[str] | None = None
    is_independent = False

    def emulator(self, program: Program) -> Emulator:
        """Return what runs a program."""
        return emulated_target(program.target).emulator(program, Execution())

    def require(self) -> str:
        """It is always there."""
        return "bit-exact, part of this package"

    def install(self, report: Callable[[str], None]) -> str:
        """Do nothing."""
        return self.require()

    def check(self) -> Mapping[str, Any]:
        """Say so."""
        return {"ok": True, "message": self.require()}

    def refusals(self, program: Program) -> Sequence[Finding]:
        """Every program is run."""
        return ()

    def run(
        self,
        program: Program,
        inputs: Mapping[str, NDArray[Any]],
        *,
        timeout: float | None = None,
        tick: Tick | None = None,
    ) -> Recording:
        """Run payloads (steps, samples, *shape) batch by batch; there is no time limit."""
        emulator, begun = self.emulator(program), time.perf_counter()
        whole = run_in_batches(emulator, inputs, tick=tick)
        return Recording(whole.spikes, whole.membrane, whole.final, time.perf_counter() - begun)


class ReferenceBackend(EmulatorBackend):
    """Runs programs of every target like its own simulator, in this process: the reference for other backends."""

    name = "reference"

    def emulator(self, program: Program) -> Emulator:
        """Return what runs a program."""
        return emulated_target(program.target).reference(program, Execution())


EMULATOR, REFERENCE = EmulatorBackend(), ReferenceBackend()
