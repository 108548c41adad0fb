"""What a pruned network is worth: before fine-tuning, after a short one, and as the chip's measured integers.

The cheap verdict (an *episode*) is a float run without fine-tuning; the dear one (a *probe*) fine-tunes,
quantises and measures on the emulator.  Verdicts are journalled, weights are not: the fine-tuning of the
network that is chosen is repeated when a run is resumed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from spear_deploy.data.datasets import Dataset
from spear_deploy.deployment.options import SearchOptions
from spear_deploy.journal import Journal, Record
from spear_deploy.measure.activity import Activity
from spear_deploy.measure.runs import measure_chip, measure_float
from spear_deploy.network import Network
from spear_deploy.network.synapses import compose
from spear_deploy.network.units import UnitGroups, Units, keep_units, unit_groups
from spear_deploy.progress import Tick
from spear_deploy.search.importance import most_important, unit_importance
from spear_deploy.search.lre import Pair
from spear_deploy.search.methods.spear.environment import KeepCounts, Layer, Outcome
from spear_deploy.targets.loihi.chip import Chip, Lowered
from spear_deploy.train.finetune import finetune

_SCORING_SAMPLES = 256
_RANKING_SAMPLES = 1024


@dataclass(frozen=True, eq=False)
class Baseline:
    """The unpruned network and what it does, in float and on the emulated chip."""

    network: Network
    lowered: Lowered
    float_val: Activity
    chip_val: Activity
    float_test: Activity
    chip_test: Activity

    @property
    def synops(self) -> float:
        """Measured SynOps, mean over the test samples: what a relative budget is a share of."""
        return self.chip_test.mean_synops


@dataclass(frozen=True, eq=False)
class Probe:
    """A pruned network after a short fine-tuning, lowered and measured on ``val``, and its pair for LRE."""

    network: Network
    lowered: Lowered
    val: Activity
    pair: Pair


@dataclass(frozen=True, eq=False)
class Measured:
    """A network lowered to the chip and measured: ``activity`` on the test samples, ``val`` for decisions."""

    network: Network
    lowered: Lowered
    activity: Activity
    val: Activity

    @property
    def synops(self) -> float:
        """Measured SynOps, mean over the test samples."""
        return self.activity.mean_synops


@dataclass(frozen=True, eq=False)
class Evaluator:
    """Evaluates keep counts of one baseline; SynOps are shares of the unpruned network's."""

    baseline: Baseline
    data: Dataset
    chip: Chip
    options: SearchOptions
    seed: int
    journal: Journal

    @cached_property
    def groups(self) -> UnitGroups:
        """The prunable groups."""
        return unit_groups(self.baseline.network)

    @cached_property
    def units(self) -> Mapping[str, int]:
        """Number of units of each group."""
        return {group.name: group.units for group in self.groups.groups}

    @cached_property
    def importance(self) -> Mapping[str, NDArray[np.float64]]:
        """Importance of the units of each group."""
        return unit_importance(self.baseline.network, self.groups, self.data.train.head(_RANKING_SAMPLES))

    def kept(self, counts: KeepCounts) -> dict[str, Units]:
        """Return the sorted units that each group keeps."""
        return {name: most_important(self.importance[name], count) for name, count in counts.items()}

    def pruned(self, counts: KeepCounts) -> Network:
        """Return the pruned network, not fine-tuned."""
        return keep_units(self.baseline.network, self.kept(counts))

    def outcome(self, counts: KeepCounts) -> Outcome:
        """Run the pruned network in float on a part of the validation split."""
        split = self.data.val.head(_SCORING_SAMPLES)
        unpruned = float(self.baseline.float_val.total[: len(split)].mean())

        def compute() -> Record:
            activity = measure_float(self.pruned(counts), split, batch=len(split))
            return {"accuracy": activity.accuracy, "synops": activity.mean_synops / unpruned}

        return Outcome(**self.journal.once("episode", dict(counts), compute))

    def cores(self, counts: KeepCounts) -> int:
        """Return the cores that the pruned network takes."""
        return self.chip.place(self.pruned(counts)).cores

    def pair(self, counts: KeepCounts) -> Pair:
        """Return what LRE learns from: SynOps before and after a short fine-tuning."""
        record = self.journal.once("probe", dict(counts), lambda: vars(self.probe(counts).pair))
        return Pair(**record)

    def probe(self, counts: KeepCounts) -> Probe:
        """Fine-tune briefly and measure on the emulated chip, on the validation split."""
        recipe, teacher = self.options.probe, self.baseline.network
        tuned = finetune(self.pruned(counts), self.data.train, recipe, seed=self.seed, teacher=teacher)
        lowered, val = self._lowered(tuned)
        post = val.mean_synops / self.baseline.chip_val.mean_synops
        return Probe(tuned, lowered, val, Pair(self.outcome(counts).synops, post))

    def pressed(self, measured: Measured, limit: float, attempt: int, tick: Tick) -> Network:
        """Fine-tune on, pressing the SynOps towards ``limit`` by dual ascent; later attempts press harder."""
        recipe = self.options.finish if attempt == 0 else self.options.probe
        in_float = measure_float(measured.network, self.data.train.head(_RANKING_SAMPLES)).mean_synops
        target = self.options.aim * 0.98**attempt * limit * in_float / measured.synops
        return finetune(
            measured.network,
            self.data.train,
            recipe,
            seed=self.seed + attempt,
            teacher=self.baseline.network,
            synops_target=target,
            tick=tick,
        )

    def measure(self, network: Network, tick: Tick) -> Measured:
        """Lower a network and measure it on the validation and test samples."""
        lowered, val = self._lowered(network)
        return Measured(network, lowered, measure_chip(lowered.program, self.data.test, tick), val)

    def measure_probe(self, probe: Probe, tick: Tick) -> Measured:
        """Measure a probe, which is lowered and measured on the validation samples already, on the test samples."""
        activity = measure_chip(probe.lowered.program, self.data.test, tick)
        return Measured(probe.network, probe.lowered, activity, probe.val)

    def _lowered(self, network: Network) -> tuple[Lowered, Activity]:
        lowered = self.chip.lower(network)
        return lowered, measure_chip(lowered.program, self.data.val)

    def layers(self) -> tuple[Layer, ...]:
        """Describe the groups to the agent; SynOps of a projection are charged half to either end."""
        network, activity = self.baseline.network, self.baseline.float_val
        total = activity.mean_synops
        fan_in: dict[str, int] = {}
        share: dict[str, float] = {}
        for synapses in compose(network):
            fan_in[synapses.target] = fan_in.get(synapses.target, 0) + synapses.weight[0].size
            half = float(activity.synops[synapses.name].mean()) / total / 2
            for end in (synapses.source, synapses.target):
                share[end] = share.get(end, 0.0) + half
        return tuple(
            Layer(
                group.name,
                group.units,
                fan_in.get(group.name, 1),
                sum(share.get(name, 0.0) for name in group.populations),
                len(network[group.name].shape) == 3,
            )
            for group in self.groups.groups
        )
