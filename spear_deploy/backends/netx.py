"""Runs the ``.net`` file that an owner of Loihi 2 loads: lava-dl's netx on Lava, from that very file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from numpy.typing import NDArray

from spear_deploy.backends.environment_backend import EnvironmentBackend, by_sample
from spear_deploy.backends.lava_process import ENVIRONMENT, unpacked
from spear_deploy.backends.supervised import NetworkFile, run_supervised
from spear_deploy.errors import Finding
from spear_deploy.progress import Tick
from spear_deploy.recording import Recording
from spear_deploy.targets.loihi.net_export import refusals, write_net
from spear_deploy.targets.loihi.program import LoihiProgram


class NetxBackend(EnvironmentBackend):
    """netx of lava-dl 0.6.0, in Lava's environment."""

    name = "netx"
    targets = frozenset({"loihi"})
    environment = ENVIRONMENT
    extra = "netx"

    def refusals(self, program: Any) -> Sequence[Finding]:
        """Find what a .net file cannot hold (E038)."""
        if isinstance(program, LoihiProgram):
            return refusals(program)
        fix = "validate with --backend lava, which runs the processes that netx makes of such a file"
        return (Finding("E038", self.name, "spiking networks alone are written as .net files", fix),)

    def record(
        self, program: LoihiProgram, inputs: Mapping[str, NDArray[Any]], *, timeout: float | None, tick: Tick | None
    ) -> Recording:
        """Export the program and run the file."""
        (port,) = program.inputs
        payloads = by_sample({"input": inputs[port.name]})
        network = NetworkFile("--net", lambda path: write_net(path, program))
        command = [*ENVIRONMENT.command(self.extra), "run", "--max-value", str(port.max_value)]
        record = run_supervised(self.name, command, network, payloads, timeout=timeout, progress=tick)
        names = {str(index): population.name for index, population in enumerate(program.populations)}
        named = replace(record, spikes={names[layer]: spikes for layer, spikes in record.spikes.items()})
        return unpacked(program, named, inputs)


NETX = NetxBackend()
