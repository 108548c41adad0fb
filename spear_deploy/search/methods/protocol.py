"""What a search method is: it is asked for networks and told what became of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from spear_deploy.data import Dataset
from spear_deploy.execution import Execution
from spear_deploy.network import Network
from spear_deploy.search.space import KeepCounts, Space


@dataclass(frozen=True)
class Outcome:
    """What a proposed network did before fine-tuning: accuracy (0..1), SynOps as a share of the unpruned network's."""

    accuracy: float
    synops: float


@dataclass(frozen=True, eq=False)
class Proposal:
    """A network to be judged: the ``counts`` that its groups keep, by importance.

    A method that changes weights instead gives the ``network`` itself.
    """

    counts: KeepCounts
    network: Network | None = None

    @property
    def key(self) -> Any:
        """What tells it apart in the journal."""
        return (
            {n: int(c) for n, c in self.counts.items()}
            if self.network is None
            else {"network": self.network.content_hash}
        )


@dataclass(frozen=True, eq=False)
class Task:
    """What a method is given.

    ``target`` is the share of the unpruned network's SynOps that is wanted after fine-tuning; ``predict`` turns a
    share before fine-tuning into the one that LRE expects after it, with all that is known at the time.
    ``evaluations`` may be asked for in all, ``first`` of them before a network is chosen.
    """

    space: Space
    target: float
    predict: Callable[[float], float]
    first: int
    evaluations: int
    network: Network
    data: Dataset
    execution: Execution


class Method(Protocol):
    """Proposes networks; what it proposed and was told is its only state."""

    def ask(self) -> Proposal | None:
        """Return the next network to judge; None: there is nothing more to propose."""

    def tell(self, proposal: Proposal, outcome: Outcome) -> None:
        """Take the outcome of a proposal; each is told once, in the order of asking."""

    def merit(self, outcome: Outcome) -> float:
        """Return by how much one outcome is preferred among those near the target."""

    def figures(self) -> Mapping[str, Any]:
        """Return the method's own figures for the report, as JSON."""
