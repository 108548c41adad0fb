"""The interface of a backend: it runs programs of some targets and records every population."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from numpy.typing import NDArray

from spear_deploy.errors import Finding
from spear_deploy.progress import Tick
from spear_deploy.recording import Recording
from spear_deploy.targets import Program


class Backend(Protocol):
    """Runs programs, in an environment and a process of its own."""

    @property
    def name(self) -> str:
        """Name on the command line and in reports."""

    @property
    def targets(self) -> frozenset[str] | None:
        """Names of the targets whose programs it runs; None: all."""

    @property
    def is_independent(self) -> bool:
        """Whether it computes by other code than the emulator, so that agreement proves something."""

    def require(self) -> str:
        """Return where it is installed, for people; raise :class:`BackendError` (E060) if it is not."""

    def install(self, report: Callable[[str], None]) -> str:
        """Make or update its environment and return where; ``report`` is called with a line for each step.

        Raises :class:`BackendError` (E063).
        """

    def check(self) -> Mapping[str, Any]:
        """Run its test of itself and return the report: ``ok``, ``message``, versions.

        Raises :class:`BackendError`: E060 (not installed), E061 (no answer).
        """

    def refusals(self, program: Program) -> Sequence[Finding]:
        """Return why it cannot run a program of a target that it serves, known without running it."""

    def run(
        self, program: Program, inputs: Mapping[str, NDArray[Any]], *, timeout: float | None, tick: Tick | None
    ) -> Recording:
        """Run integer payloads (steps, samples, *shape) of each input.

        ``timeout`` is in seconds; ``tick`` is called with the work done and to do.

        Raises :class:`BackendError` (E060 not installed, E061 failed, E062 timed out), and
        :class:`UnsupportedError` with the :meth:`refusals`, if there are any.
        """
