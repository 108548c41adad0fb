"""Local processes as a cluster: nothing is sent, and files are written in place."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from spear_deploy.clusters.protocol import Say, Workload
from spear_deploy.parallel import Processes, Tell


@dataclass(frozen=True)
class Local:
    """So many processes at a time."""

    jobs: int

    @contextmanager
    def crew(self, address: str, workload: Workload, say: Say) -> Iterator[_Local]:
        """Yield the processes; there is no address."""
        yield _Local(workload, self.jobs)


class _Local(Processes):
    def __init__(self, workload: Workload, jobs: int) -> None:
        super().__init__(partial(_carry_out, work=workload.work), jobs)
        self._workload = workload

    def begin(self, name: str, item: tuple[str, Any]) -> Any:
        key, value = item
        return super().begin(name, (self._workload.shared[key], value, self._workload.folder / name))


def _carry_out(item: Any, tell: Tell, *, work: Any) -> Any:
    return work(*item, tell)
