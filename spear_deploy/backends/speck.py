"""Runs programs of Speck on sinabs' simulation in time steps, in an environment of its own, without samna."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from spear_deploy.backends.environment import Environment
from spear_deploy.backends.environment_backend import EnvironmentBackend
from spear_deploy.errors import Finding
from spear_deploy.targets.speck.program import SpeckProgram

ENVIRONMENT = Environment(
    name="speck",
    module="spear_deploy_speck",
    pythons=("3.11", "3.12", "3.10", "3.13"),
    unresolved=("sinabs",),
)
"""Where sinabs lives: without its dependencies, of which samna's wheel runs pip on import."""


class SpeckBackend(EnvironmentBackend):
    """sinabs' discretised DYNAP-CNN network, in a process of its own."""

    name = "speck"
    targets = frozenset({"speck"})
    environment = ENVIRONMENT

    def refusals(self, program: SpeckProgram) -> Sequence[Finding]:
        """Find what sinabs fails on though the chip can hold it (E089)."""
        found = []
        if len(program.inputs) != 1:
            found.append(_refusal("program", f"it has {len(program.inputs)} inputs, sinabs takes one"))
        pools: dict[str, Counter[bool]] = {}
        for source in (source for layer in program.populations for source in layer.sources):
            pools.setdefault(source.population, Counter())[source.pool > 1] += 1
        for name, kinds in pools.items():
            if len(kinds) > 1 and name not in {port.name for port in program.inputs}:
                found.append(_refusal(f"population {name!r}", "one of its destinations is pooled and another is not"))
        return found


def _refusal(where: str, message: str) -> Finding:
    return Finding("E089", where, message, "validate without this backend; the emulators run it")


SPECK = SpeckBackend()
