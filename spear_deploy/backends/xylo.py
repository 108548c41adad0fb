"""Runs programs of Xylo on xylosim, in the backend's own environment."""

from __future__ import annotations

from collections.abc import Sequence

from spear_deploy.backends.environment import Environment
from spear_deploy.backends.environment_backend import EnvironmentBackend
from spear_deploy.errors import Finding
from spear_deploy.targets.xylo.program import XyloProgram
from spear_deploy.targets.xylo.registers import XYLOSIM

ENVIRONMENT = Environment(name="xylo", module="spear_deploy_xylo", pythons=("3.10", "3.11", "3.12"))
"""Where xylosim lives; beyond Python 3.10 it is built, which takes a C++ compiler."""


class XyloBackend(EnvironmentBackend):
    """xylosim 0.1.3, SynSense's own simulator, under a supervisor in a process of its own."""

    name = "xylo"
    targets = frozenset({"xylo"})
    environment = ENVIRONMENT

    def refusals(self, program: XyloProgram) -> Sequence[Finding]:
        """Find widths that xylosim does not have (E034)."""
        if program.arithmetic == XYLOSIM:
            return ()
        message = f"{program.chip} computes with other widths than xylosim: {program.arithmetic}"
        return (Finding("E034", self.name, message, "validate on the emulator, or use xylosim's widths"),)


XYLO = XyloBackend()
