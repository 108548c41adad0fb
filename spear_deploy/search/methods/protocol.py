"""What a search method is: it is asked for networks and told what they are worth."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from spear_deploy.data import Dataset
from spear_deploy.execution import Execution
from spear_deploy.network import Network
from spear_deploy.network.units import Units
from spear_deploy.progress import Tick
from spear_deploy.search.space import KeepCounts, Space
from spear_deploy.train.config import FinetuneConfig

if TYPE_CHECKING:
    from spear_deploy.search.cost import SynopsCost
    from spear_deploy.search.gradual import GradualPath


@dataclass(frozen=True)
class Outcome:
    """What a proposed network is worth before fine-tuning.

    ``score`` (0..1) is larger for networks that fine-tuning is expected to make more accurate, ``synops`` a share of
    the unpruned network's.
    """

    score: float
    synops: float


@dataclass(frozen=True, eq=False)
class Proposal:
    """A network to be judged: the ``counts`` that its groups keep, by importance.

    A method that changes weights instead gives the ``network`` itself, and the units of each group that are left in it
    as ``kept``, and may have trained it for some ``steps`` already.  Without ``tunes`` it is measured as it is, and not
    fine-tuned.
    """

    counts: KeepCounts
    network: Network | None = None
    kept: Mapping[str, Units] | None = None
    steps: int = 0
    tunes: bool = True

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

    ``target`` is the share of the unpruned network's SynOps that is wanted after fine-tuning; ``predict`` turns an
    outcome into the share that LRE expects after it, with all that is known at the time.  ``importance`` is that of
    each unit of each group, (units,), ``cost`` what each unit takes in SynOps.  ``known`` are widths that meet the
    target by other ways, of which one can start, and ``path`` the networks of gradual pruning.  ``evaluations`` may be
    asked for in all.

    Methods that train have the unpruned ``network``, the ``data``, and ``training``: the length and the rate of the
    closing fine-tuning, so that all methods spend alike.  ``refine`` trains a network briefly, for ``refining``
    batches, as between the stages of gradual pruning.  ``tick`` shows what they do.
    """

    space: Space
    target: float
    predict: Callable[[Proposal, Outcome], float]
    evaluations: int
    importance: Mapping[str, NDArray[np.float64]]
    cost: SynopsCost
    known: Sequence[KeepCounts]
    path: GradualPath
    network: Network
    data: Dataset
    execution: Execution
    training: FinetuneConfig
    refine: Callable[[Network], Network]
    refining: int
    tick: Tick


class Method(Protocol):
    """Proposes networks; what it proposed and was told is its only state."""

    def ask(self) -> Proposal | None:
        """Return the next network to judge; None: there is nothing more to propose."""

    def tell(self, proposal: Proposal, outcome: Outcome) -> None:
        """Take the outcome of a proposal; each is told once, in the order of asking."""

    def merit(self, proposal: Proposal, outcome: Outcome) -> float:
        """Return by how much one proposal is preferred among those near the target."""

    def figures(self) -> Mapping[str, Any]:
        """Return the method's own figures for the report, as JSON."""
