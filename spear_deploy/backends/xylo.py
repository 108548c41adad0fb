"""Runs programs of Xylo on xylosim, in the backend's own environment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from numpy.typing import NDArray

from spear_deploy.backends.environment import Environment
from spear_deploy.backends.in_environment import InEnvironment
from spear_deploy.errors import Finding, UnsupportedError
from spear_deploy.progress import Tick
from spear_deploy.recording import Recording
from spear_deploy.targets import Program
from spear_deploy.targets.xylo.program import XyloProgram
from spear_deploy.targets.xylo.program_file import write_program
from spear_deploy.targets.xylo.registers import XYLOSIM

ENVIRONMENT = Environment(name="xylo", module="spear_deploy_xylo", pythons=("3.10", "3.11", "3.12"))
"""Where xylosim lives; beyond Python 3.10 it is built, which takes a C++ compiler."""


class XyloBackend(InEnvironment):
    """xylosim 0.1.3, SynSense's own simulator, under a supervisor in a process of its own."""

    name = "xylo"
    targets: frozenset[str] | None = frozenset({"xylo"})
    environment = ENVIRONMENT

    def refusals(self, program: Program) -> Sequence[Finding]:
        """Find widths that xylosim does not have (E034)."""
        assert isinstance(program, XyloProgram)
        if program.arithmetic == XYLOSIM:
            return ()
        message = f"{program.chip} computes with other widths than xylosim: {program.arithmetic}"
        return (Finding("E034", self.name, message, "validate on the emulator, or use xylosim's widths"),)

    def run(
        self,
        program: Program,
        inputs: Mapping[str, NDArray[Any]],
        *,
        timeout: float | None = None,
        tick: Tick | None = None,
    ) -> Recording:
        """Run spike counts (steps, samples, *shape); see :class:`~spear_deploy.backends.protocol.Backend`."""
        assert isinstance(program, XyloProgram)
        if refusals := self.refusals(program):
            raise UnsupportedError(refusals)
        shapes = {population.name: population.shape for population in program.populations}
        return self.count(lambda path: write_program(path, program), shapes, inputs, timeout=timeout, tick=tick)


XYLO = XyloBackend()
