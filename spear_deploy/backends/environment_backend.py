"""What backends with their own environment and process share."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from spear_deploy.backends.environment import Environment
from spear_deploy.backends.supervised import NetworkFile, run_supervised
from spear_deploy.errors import Finding, UnsupportedError
from spear_deploy.progress import Tick
from spear_deploy.recording import Recording
from spear_deploy.targets import Program, emulated_target


class EnvironmentBackend:
    """Is installed into its ``environment`` and checked there, with the ``extra`` if it names one."""

    name: str
    targets: frozenset[str] | None
    is_independent = True
    environment: ClassVar[Environment]
    extra: ClassVar[str | None] = None

    def require(self) -> str:
        """Return the interpreter's path; raise :class:`BackendError` (E060)."""
        return str(self.environment.python(self.extra))

    def install(self, report: Callable[[str], None]) -> str:
        """Make or update the environment; raise :class:`BackendError` (E063)."""
        return str(self.environment.install(report, self.extra))

    def check(self) -> Mapping[str, Any]:
        """Run something small and compare it; raise :class:`BackendError` (E060, E061, E062)."""
        return self.environment.check(self.extra)

    @abstractmethod
    def refusals(self, program: Any) -> Sequence[Finding]:
        """Return why it cannot run a program; see :class:`~spear_deploy.backends.protocol.Backend`."""

    def run(
        self,
        program: Program,
        inputs: Mapping[str, NDArray[Any]],
        *,
        timeout: float | None = None,
        tick: Tick | None = None,
    ) -> Recording:
        """Run payloads (steps, samples, *shape); see :class:`~spear_deploy.backends.protocol.Backend`."""
        if refusals := self.refusals(program):
            raise UnsupportedError(refusals)
        return self.record(program, inputs, timeout=timeout, tick=tick)

    def record(
        self, program: Any, inputs: Mapping[str, NDArray[Any]], *, timeout: float | None, tick: Tick | None
    ) -> Recording:
        """Run the target's own file of a program whose populations all fire, and are recorded as numbers of spikes."""
        network = NetworkFile("--program", partial(emulated_target(program.target).write, program=program))
        command = [*self.environment.command(self.extra), "run"]
        found = run_supervised(self.name, command, network, by_sample(inputs), timeout=timeout, progress=tick)
        return recording_of(program, found.spikes, inputs, found.seconds_total)


def by_sample(inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Return inputs (steps, samples, *shape) as a supervised process takes them: (samples, steps, *shape)."""
    return {name: np.ascontiguousarray(np.moveaxis(x, 0, 1)) for name, x in inputs.items()}


def recording_of(
    program: Program, values: Mapping[str, NDArray[Any]], inputs: Mapping[str, NDArray[Any]], seconds: float
) -> Recording:
    """Return what a process recorded of each population, (samples, steps, neurons), as arrays (steps, samples, *shape).

    The ``values`` of a readout are its membrane, those of other populations their spikes.
    """
    spikes: dict[str, NDArray[Any]] = dict(inputs)
    membrane: dict[str, NDArray[Any]] = {}
    for population in program.populations:
        flat = values[population.name]
        shaped = np.moveaxis(flat.reshape(*flat.shape[:2], *population.shape), 0, 1)
        (membrane if population.is_readout else spikes)[population.name] = shaped
    return Recording(spikes, membrane, seconds=seconds)
