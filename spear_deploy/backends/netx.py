"""Runs the ``.net`` file that an owner of Loihi 2 loads: lava-dl's netx on Lava, from that very file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spear_deploy.backends.lava_process import ENVIRONMENT, recording_of
from spear_deploy.backends.supervised import NetworkFile, run_supervised
from spear_deploy.errors import Finding
from spear_deploy.progress import Tick
from spear_deploy.recording import Recording
from spear_deploy.targets import Program
from spear_deploy.targets.loihi.net_export import refusals, write_net
from spear_deploy.targets.loihi.program import LoihiProgram

_EXTRA = "netx"


class NetxBackend:
    """netx of lava-dl 0.6.0, in Lava's environment."""

    name = "netx"
    targets: frozenset[str] | None = frozenset({"loihi"})
    is_independent = True

    def require(self) -> str:
        """Return the interpreter's path; raise :class:`BackendError` (E060)."""
        return str(ENVIRONMENT.python(_EXTRA))

    def install(self, report: Callable[[str], None]) -> str:
        """Add lava-dl to Lava's environment, which is made if need be; raise :class:`BackendError` (E063)."""
        return str(ENVIRONMENT.install(report, _EXTRA))

    def check(self) -> Mapping[str, Any]:
        """Run a small file and compare it."""
        return ENVIRONMENT.check(_EXTRA)

    def refusals(self, program: Program) -> Sequence[Finding]:
        """Find what a .net file cannot hold (E038)."""
        assert isinstance(program, LoihiProgram)
        return refusals(program)

    def run(
        self,
        program: Program,
        inputs: Mapping[str, NDArray[Any]],
        *,
        timeout: float | None = None,
        tick: Tick | None = None,
    ) -> Recording:
        """Export the program and run the file on payloads (steps, samples, *shape).

        Raises as :class:`~spear_deploy.backends.protocol.Backend` says: :class:`UnsupportedError` (E038) for a
        program that the format cannot hold.
        """
        assert isinstance(program, LoihiProgram)
        (port,) = program.inputs
        by_sample = np.ascontiguousarray(np.moveaxis(inputs[port.name], 0, 1))
        network = NetworkFile("--net", lambda path: write_net(path, program))
        command = [*ENVIRONMENT.command(_EXTRA), "run", "--max-value", str(port.max_value)]
        record = run_supervised(self.name, command, network, {"input": by_sample}, timeout=timeout, progress=tick)
        names = {str(index): population.name for index, population in enumerate(program.populations)}
        named = replace(record, spikes={names[layer]: spikes for layer, spikes in record.spikes.items()})
        return recording_of(program, named, inputs)


NETX = NetxBackend()
