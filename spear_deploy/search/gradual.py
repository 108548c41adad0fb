"""Gradual pruning: stages that remove the units of least importance per SynOp, with short training in between.

A stage lowers the SynOps by at most a quarter, by removing the units with the least importance in their group per SynOp
saved (:mod:`spear_deploy.search.removal`).  The network is then fine-tuned briefly, and importance and firing rates are
measured again.  If the SynOps are within the target and only the chip's memory or a budget of the placement is missed,
the stage narrows towards widths that fit (:mod:`spear_deploy.search.fitting`).

LRE learns from the SynOps before and after each of these short trainings: promising networks on the way to the target,
at no extra cost.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from spear_deploy.network import Network
from spear_deploy.network.units import Units
from spear_deploy.progress import Tick
from spear_deploy.search.evaluator import Evaluator
from spear_deploy.search.fitting import towards_fitting
from spear_deploy.search.lre import Pair
from spear_deploy.search.options import SearchOptions
from spear_deploy.search.removal import remove
from spear_deploy.search.space import CLOSE, STAGE, KeepCounts, Space, counts_of, stages_to
from spear_deploy.train.config import FinetuneConfig

_SAMPLES = 512
"""Training samples over which importance is averaged within a stage."""


@dataclass(frozen=True, eq=False)
class Stage:
    """A network on the path: the units ``kept`` of the unpruned network, and its ``share`` of that network's SynOps.

    ``steps`` are the batches it has been trained for in all stages so far.
    """

    network: Network
    kept: Mapping[str, Units]
    share: float
    steps: int

    @property
    def counts(self) -> KeepCounts:
        """How many units each group keeps."""
        return counts_of(self.kept)


@dataclass(frozen=True, eq=False)
class GradualPath:
    """The stages of gradual pruning, from the unpruned network to the target, and the pairs for LRE."""

    stages: tuple[Stage, ...]
    pairs: tuple[Pair, ...]

    @property
    def end(self) -> Stage:
        """The last stage."""
        return self.stages[-1]

    def down_to(self, share: float, fits: Callable[[KeepCounts], bool]) -> Stage:
        """Return the first stage that fits within that share of the SynOps, or else the last one."""
        return next((each for each in self.stages if each.share <= share and fits(each.counts)), self.end)


def prune_gradually(evaluator: Evaluator, space: Space, target: float, rate: float, tick: Tick) -> GradualPath:
    """Prune until the SynOps are at the ``target`` share and the placement fits, or nothing more can be removed."""
    network, whole = evaluator.baseline.network, evaluator.cost.total
    kept: dict[str, Units] = {name: np.arange(units) for name, units in space.units.items()}
    path = [Stage(network, kept, 1.0, 0)]
    config = between_stages(evaluator.options, rate)
    cost, pairs = evaluator.cost, list[Pair]()
    stages = stages_to(target)
    while not evaluator.execution.deadline.passed and (
        cost.total > CLOSE * target * whole or not space.fits(counts_of(kept))
    ):
        importance = evaluator.importance_in(network, _SAMPLES)
        if cost.total > CLOSE * target * whole:
            left = remove(importance, cost, max(target * whole, STAGE * cost.total), space.smallest)
        else:
            left = towards_fitting(space, importance, cost, counts_of(kept))
        if all(len(left[name]) == len(units) for name, units in kept.items()):
            break
        before = cost.of(left) / whole
        network = evaluator.tune_roughly(evaluator.cut(network, left), config)
        kept = {name: units[left[name]] for name, units in kept.items()}
        cost = evaluator.cost_in(network)
        ratios = tuple(len(kept[name]) / units for name, units in space.units.items())
        pairs.append(Pair(before, cost.total / whole, ratios))
        path.append(Stage(network, kept, cost.total / whole, len(pairs) * config.steps(len(evaluator.data.train))))
        tick(len(pairs), max(stages, len(pairs)))
    return GradualPath(tuple(path), tuple(pairs))


def between_stages(options: SearchOptions, rate: float) -> FinetuneConfig:
    """Return the short training between stages, at half the learning rate: the full one ruins networks there."""
    return replace(options.stage, learning_rate=rate / 2)
