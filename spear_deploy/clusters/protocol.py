"""The interface of a cluster: it carries out pieces of work whose results are files and plain values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from spear_deploy.parallel import Crew, Tell

Say = Callable[[str], None]
"""What a cluster calls with a line for the user."""


@dataclass(frozen=True, eq=False)
class Workload:
    """Independent pieces of work, by name.

    Attributes:
        work: a function of a module, called as ``work(shared, value, folder, tell)`` in a process of its own; it
            returns a plain value and leaves its files in ``folder``.  What is told is plain values too.
        shared: what goes to each node once, by a key: whatever can be pickled.
        pieces: of each name the key of what is shared that it needs, and a plain value of its own.
        folder: of the folders of the pieces: what a piece leaves lies in ``folder / name`` when its result comes.
        threads: that a piece computes on.
        memory: bytes that a piece takes at most.
    """

    work: Callable[[Any, Any, Path, Tell], Any]
    shared: Mapping[str, Any]
    pieces: Mapping[str, tuple[str, Any]]
    folder: Path
    threads: int
    memory: int


class Cluster(Protocol):
    """A kind of cluster, by the scheme of its addresses."""

    def crew(self, address: str, workload: Workload, say: Say) -> AbstractContextManager[Crew]:
        """Connect, see that every node has this tool's versions, and yield what carries out the pieces by name.

        A piece is begun once for each time that it is asked for; one whose node or process is lost is
        :class:`~spear_deploy.parallel.Lost`.  What is begun ends with the block.

        Raises :class:`~spear_deploy.errors.BackendError`: E064 where the cluster's library is not installed, E069 where
        nobody answers or a node has other versions.
        """
