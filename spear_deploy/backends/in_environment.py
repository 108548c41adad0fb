"""What the backends share that live in an environment and a process of their own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from spear_deploy.backends.environment import Environment
from spear_deploy.backends.supervised import NetworkFile, run_supervised
from spear_deploy.network.ops import Shape
from spear_deploy.progress import Tick
from spear_deploy.recording import Recording


class InEnvironment:
    """Is installed into its ``environment`` and checked there, with the ``extra`` if it names one."""

    name: str
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

    def count(
        self,
        write: Callable[[Path], object],
        shapes: Mapping[str, Shape],
        inputs: Mapping[str, NDArray[Any]],
        *,
        timeout: float | None,
        tick: Tick | None,
    ) -> Recording:
        """Run what ``write`` puts into a file; return the numbers of spikes of the populations of these ``shapes``.

        ``inputs`` are (steps, samples, *shape), as what is returned.
        """
        network = NetworkFile("--program", write)
        command = [*self.environment.command(), "run"]
        record = run_supervised(self.name, command, network, by_sample(inputs), timeout=timeout, progress=tick)
        spikes: dict[str, NDArray[Any]] = dict(inputs)
        for name, shape in shapes.items():
            counts = record.spikes[name]
            spikes[name] = np.moveaxis(counts.reshape(*counts.shape[:2], *shape), 0, 1)
        return Recording(spikes, {}, seconds=record.seconds_total)


def by_sample(inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Return inputs (steps, samples, *shape) as a supervised process takes them: (samples, steps, *shape)."""
    return {name: np.ascontiguousarray(np.moveaxis(x, 0, 1)) for name, x in inputs.items()}
