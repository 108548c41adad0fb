"""What a pruned network is worth: before fine-tuning, after a short one, and as the chip's measured integers.

The cheap verdict (an *episode*) is a float run without fine-tuning; the expensive one (a *probe*) fine-tunes as the
chip computes, lowers and measures on the emulator.  Verdicts are journalled, weights are not: the fine-tuning of the
network that is chosen is repeated when a run is resumed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from spear_deploy.budgets import Budget
from spear_deploy.data import Dataset
from spear_deploy.execution import Execution
from spear_deploy.journal import Journal, Record
from spear_deploy.measure.activity import Activity
from spear_deploy.measure.measured import Baseline, Measured
from spear_deploy.measure.runs import measure_float, measure_program
from spear_deploy.network import Network
from spear_deploy.network.units import UnitGroups, Units, keep_units, unit_groups
from spear_deploy.placement import Placement
from spear_deploy.progress import Tick
from spear_deploy.search.importance import most_important, unit_importance
from spear_deploy.search.lre import Pair
from spear_deploy.search.methods import Outcome, Proposal
from spear_deploy.search.options import SearchOptions
from spear_deploy.search.space import KeepCounts, PrunableGroup
from spear_deploy.targets import Compiler, Lowered
from spear_deploy.train.config import Aims, FinetuneConfig
from spear_deploy.train.finetune import finetune

_SCORING_SAMPLES = 256
_RANKING_SAMPLES = 1024
_AT_HAND = 4
"""Pruned networks that are kept: a network is placed, judged and fine-tuned in turn, and many would fill the memory."""
_PRESS_HARDER = 0.98
"""Each further attempt presses towards so much less: as far as a budget is usually missed (chosen, not measured)."""


@dataclass(frozen=True)
class Tuning:
    """One fine-tuning of a network; ``attempt`` counts those that close it, and shifts the seed."""

    config: FinetuneConfig
    attempt: int = 0


@dataclass(frozen=True, eq=False)
class Probe:
    """A pruned network after a short fine-tuning, lowered and measured on ``val``, and its pair for LRE."""

    network: Network
    lowered: Lowered
    val: Activity
    pair: Pair


@dataclass(frozen=True, eq=False)
class Evaluator:
    """Evaluates proposals for one baseline; SynOps are shares of the unpruned network's."""

    baseline: Baseline
    data: Dataset
    compiler: Compiler
    options: SearchOptions
    execution: Execution
    journal: Journal

    @cached_property
    def groups(self) -> UnitGroups:
        """The prunable groups."""
        return unit_groups(self.baseline.network)

    @cached_property
    def importance(self) -> Mapping[str, NDArray[np.float64]]:
        """Importance of the units of each group."""
        ranking = self.data.train.head(_RANKING_SAMPLES)
        network, decide = self.baseline.network, self.options.decide
        return unit_importance(network, self.groups, ranking, self.execution, decide=decide)

    @cached_property
    def _pruned(self) -> Callable[[tuple[tuple[str, int], ...]], Network]:
        """Prunes to counts; the last networks stay at hand, with the synapses that were composed for them."""
        return lru_cache(_AT_HAND)(lambda counts: keep_units(self.baseline.network, self.kept_units(dict(counts))))

    @cached_property
    def _placements(self) -> dict[tuple[tuple[str, int], ...], Placement]:
        return {}

    def kept_units(self, counts: KeepCounts) -> dict[str, Units]:
        """Return the sorted units that each group keeps."""
        return {name: most_important(self.importance[name], count) for name, count in counts.items()}

    def prune(self, proposal: Proposal) -> Network:
        """Return the pruned network, not fine-tuned."""
        if proposal.network is not None:
            return proposal.network
        return self._pruned(tuple(sorted(proposal.counts.items())))

    def outcome(self, proposal: Proposal) -> Outcome:
        """Run the pruned network in float on a part of the validation split."""
        split = self.data.val.head(_SCORING_SAMPLES)
        unpruned = float(self.baseline.float_val.total[: len(split)].mean())

        def compute() -> Record:
            activity = measure_float(
                self.prune(proposal), split, self.execution, batch=len(split), decide=self.options.decide
            )
            return {"accuracy": activity.accuracy, "synops": activity.mean_synops / unpruned}

        return Outcome(**self.journal.once("episode", proposal.key, compute))

    def placement(self, counts: KeepCounts) -> Placement:
        """Place the pruned network."""
        key = tuple(sorted(counts.items()))
        if key not in self._placements:
            self._placements[key] = self.compiler.place(self.prune(Proposal(counts)))
        return self._placements[key]

    def pair(self, proposal: Proposal) -> Pair:
        """Return what LRE learns from: SynOps before and after a short fine-tuning."""
        record = self.journal.once("probe", proposal.key, lambda: vars(self.probe(proposal).pair))
        return Pair(**record)

    def probe(self, proposal: Proposal) -> Probe:
        """Fine-tune briefly and measure on the emulated chip, on the validation split."""
        tuned = self.tune(self.prune(proposal), self.first_tuning)
        lowered, val = self._lower_and_measure(tuned)
        post = val.mean_synops / self.baseline.chip_val.mean_synops
        return Probe(tuned, lowered, val, Pair(self.outcome(proposal).synops, post))

    def press(self, budget: Budget, measured: Measured, attempt: int, tick: Tick) -> Network:
        """Fine-tune on, pressing SynOps towards a budget's limit by dual ascent; later attempts press harder."""
        ranking = self.data.train.head(_RANKING_SAMPLES)
        in_training = measure_program(measured.lowered.program, ranking, self.execution).mean_synops
        value = budget.measured(measured, self.baseline)
        target = self.options.aim * _PRESS_HARDER**attempt * budget.limit * in_training / value
        return self.tune(measured.network, self.closing(attempt), tick, target)

    def finish(self, measured: Measured, tick: Tick) -> Network:
        """Fine-tune on for accuracy alone."""
        return self.tune(measured.network, self.closing(0), tick)

    @property
    def first_tuning(self) -> Tuning:
        """The short fine-tuning of every network that is measured."""
        return Tuning(self.options.probe)

    def closing(self, attempt: int) -> Tuning:
        """Return the fine-tuning of an attempt to close a network: a long one, then short ones."""
        return Tuning(self.options.finish if attempt == 0 else self.options.probe, attempt)

    def tune(self, network: Network, tuning: Tuning, tick: Tick | None = None, target: float | None = None) -> Network:
        """Fine-tune a network, pressing its SynOps towards a ``target`` where there is one."""
        return finetune(
            network,
            self.data.train,
            tuning.config,
            seed=self.execution.seed + tuning.attempt,
            execution=self.execution,
            aims=Aims(self.baseline.network, target),
            simulator=self.compiler.trainable,
            tick=tick,
        )

    def measure(self, network: Network, tick: Tick) -> Measured:
        """Lower a network and measure it on the validation and test samples."""
        lowered, val = self._lower_and_measure(network)
        return Measured(network, lowered, self._on_test(lowered, tick), val)

    def measure_probe(self, probe: Probe, tick: Tick) -> Measured:
        """Measure a probe, which is lowered and measured on the validation samples already, on the test samples."""
        return Measured(probe.network, probe.lowered, self._on_test(probe.lowered, tick), probe.val)

    def measure_on_test(self, network: Network) -> Activity:
        """Lower a network and run it on the test samples."""
        program = self.compiler.lower(network).program
        return measure_program(program, self.data.test, self.execution, decide=self.options.decide)

    def _on_test(self, lowered: Lowered, tick: Tick) -> Activity:
        return measure_program(lowered.program, self.data.test, self.execution, tick=tick, decide=self.options.decide)

    def _lower_and_measure(self, network: Network) -> tuple[Lowered, Activity]:
        lowered = self.compiler.lower(network)
        return lowered, measure_program(lowered.program, self.data.val, self.execution, decide=self.options.decide)

    def prunable_groups(self) -> tuple[PrunableGroup, ...]:
        """Describe the groups to a method; SynOps of a projection are charged half to either end."""
        network, activity = self.baseline.network, self.baseline.float_val
        total = activity.mean_synops
        fan_in: dict[str, int] = {}
        share: dict[str, float] = {}
        for synapses in network.synapses:
            fan_in[synapses.target] = fan_in.get(synapses.target, 0) + synapses.weight[0].size
            half = float(activity.synops[synapses.name].mean()) / total / 2
            for end in (synapses.source, synapses.target):
                share[end] = share.get(end, 0.0) + half
        described = []
        for group in self.groups.groups:
            shares = sum(share.get(name, 0.0) for name in group.populations)
            is_map = len(network[group.name].shape) == 3
            described.append(PrunableGroup(group.name, group.units, fan_in.get(group.name, 1), shares, is_map))
        return tuple(described)
