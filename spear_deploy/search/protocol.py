"""The protocol of search methods: a method is asked for networks and told how each one scored."""

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
    """How a proposed network scores before fine-tuning.

    ``score`` (0..1) is higher for networks that fine-tuning is expected to make more accurate; ``synops`` is a share of
    the unpruned network's SynOps.
    """

    score: float
    synops: float


@dataclass(frozen=True, eq=False)
class Proposal:
    """A network to score: each group keeps its ``counts`` most important units.

    A method that changes weights gives the ``network`` itself, the units ``kept`` of each group, and the ``steps``
    (batches) it has already been trained for.  With ``tunes`` False it is measured as it is, never fine-tuned;
    ``untrained`` weights were newly drawn, and the fine-tuning is their only training.
    """

    counts: KeepCounts
    network: Network | None = None
    kept: Mapping[str, Units] | None = None
    steps: int = 0
    tunes: bool = True
    untrained: bool = False

    @property
    def key(self) -> Any:
        """What identifies it in the journal."""
        if self.network is not None:
            return {"network": self.network.content_hash}
        return {name: int(count) for name, count in self.counts.items()}


@dataclass(frozen=True, eq=False)
class Task:
    """The input of a method.

    ``target`` is the wanted share of the unpruned network's SynOps after fine-tuning; ``predict`` maps an outcome to
    the share that LRE currently expects after fine-tuning.  ``importance`` holds one value per unit of each group,
    (units,), and ``cost`` the SynOps of each unit.  ``known`` are widths that meet the target and are good starting
    points; ``path`` holds the networks of gradual pruning.  A method may propose ``evaluations`` networks in all.

    Methods that train get the unpruned ``network``, the ``data`` and ``training``, the length and learning rate of the
    closing fine-tuning, so that all methods train equally long.  ``refine`` trains a network for ``refining`` batches,
    as between the stages of gradual pruning.  ``tick`` reports progress.
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
    """Proposes networks.  Its state depends only on its proposals and their outcomes, so that a run can be resumed."""

    def ask(self) -> Proposal | None:
        """Return the next network to score, or None if there is nothing more to propose."""

    def tell(self, proposal: Proposal, outcome: Outcome) -> None:
        """Take the outcome of a proposal; called once per proposal, in the order proposed."""

    def merit(self, proposal: Proposal, outcome: Outcome) -> float:
        """Return the rank of a proposal among those near the target: higher is better."""

    def figures(self) -> Mapping[str, Any]:
        """Return figures of the method for the report, as JSON."""
