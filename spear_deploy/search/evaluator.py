"""Evaluating pruned networks: cheaply before fine-tuning, and by measurement on the emulator after it.

The cheap score runs nothing: it is the importance kept, beside the SynOps at unchanged firing rates.  The expensive
evaluation fine-tunes with the chip's arithmetic, lowers the network, and measures it on the emulator.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import cache, cached_property, lru_cache, partial
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spear_deploy.data import Dataset
from spear_deploy.errors import UnsupportedError
from spear_deploy.execution import Execution
from spear_deploy.measure.activity import Activity
from spear_deploy.measure.load import expected_load, measured_load, placed_by
from spear_deploy.measure.measured import Baseline, Measured
from spear_deploy.measure.runs import measure_float, measure_program
from spear_deploy.network import Network
from spear_deploy.network.units import UnitGroups, Units, keep_units, kept_neurons, unit_groups
from spear_deploy.placement import Placement
from spear_deploy.placement.placers import keeps_rule
from spear_deploy.progress import Tick
from spear_deploy.search.checkpoints import Checkpoints
from spear_deploy.search.cost import SynopsCost, synops_cost
from spear_deploy.search.importance import most_important, unit_importance
from spear_deploy.search.importance_share import kept_importance
from spear_deploy.search.methods import Outcome, Proposal
from spear_deploy.search.options import SearchOptions
from spear_deploy.search.outlook import Pace
from spear_deploy.search.recalibration import recalibrated
from spear_deploy.search.space import KeepCounts, PrunableGroup
from spear_deploy.simulate.simulator import FloatSimulator, NetworkSimulator
from spear_deploy.targets import Compiler, Lowered
from spear_deploy.train.config import Aims, FinetuneConfig
from spear_deploy.train.finetune import RunAway, Tuned, finetune
from spear_deploy.train.teacher import Teacher

_SAMPLES = 256
"""Validation samples on which the firing rates of the float network are measured."""
_RANKING_SAMPLES = 1024
"""Training samples that importance is averaged over."""
_AT_HAND = 4
"""Pruned networks that are cached: each is placed, scored and fine-tuned in turn, and many would fill the memory."""

_Key: TypeAlias = tuple[tuple[str, int], ...]
"""Keep counts as a key of caches."""


@dataclass(frozen=True, eq=False)
class Evaluator:
    """Evaluates proposals for one baseline; SynOps are shares of the unpruned network's.

    ``place`` is the name of the placer in :data:`~spear_deploy.placement.placers.PLACERS`.
    """

    baseline: Baseline
    data: Dataset
    compiler: Compiler
    options: SearchOptions
    execution: Execution
    checkpoints: Checkpoints
    place: str = "default"

    @cached_property
    def groups(self) -> UnitGroups:
        """The prunable groups."""
        return unit_groups(self.baseline.network)

    @cached_property
    def importance(self) -> Mapping[str, NDArray[np.float64]]:
        """Importance of the units of each group of the unpruned network."""
        return self.importance_in(self.baseline.network)

    @cached_property
    def cost(self) -> SynopsCost:
        """The SynOps of each unit of the unpruned network."""
        return self.cost_in(self.baseline.network)

    @cached_property
    def teacher(self) -> Teacher:
        """The unpruned float network, which fine-tuning distils from."""
        network, decide = self.baseline.network, self.options.decide
        return Teacher(network, self.data.train, decide=decide, execution=self.execution)

    def importance_in(self, network: Network, samples: int = _RANKING_SAMPLES) -> Mapping[str, NDArray[np.float64]]:
        """Return the importance of the units of each group of a network, over that many training samples."""
        ranking = self.data.train.some(samples)
        return unit_importance(network, unit_groups(network), ranking, self.execution, decide=self.options.decide)

    def cost_in(self, network: Network) -> SynopsCost:
        """Return the SynOps of each unit of a network."""
        return synops_cost(network, unit_groups(network), self.data.val.some(_SAMPLES), self.execution)

    @cached_property
    def _pruned(self) -> Callable[[_Key], Network]:
        """Prunes to counts; the last networks are cached, together with their composed synapses."""
        return lru_cache(_AT_HAND)(lambda counts: keep_units(self.baseline.network, self.kept_units(dict(counts))))

    @cached_property
    def _recalibrated(self) -> Callable[[_Key], Network]:
        """Prunes to counts and recalibrates; the last one is cached, since uniform widths are used twice."""
        return lru_cache(1)(lambda counts: self.cut(self.baseline.network, self.kept_units(dict(counts))))

    @cached_property
    def _placed(self) -> Callable[[_Key], Placement]:
        return cache(lambda counts: self.compiler.place(self._pruned(counts)))

    @cached_property
    def _expected(self) -> Callable[[_Key], Placement]:
        return cache(lambda counts: self._expected_placement(dict(counts)))

    @cached_property
    def pace(self) -> Pace:
        """How fast training has been."""
        return Pace()

    @cached_property
    def ran_away(self) -> list[RunAway]:
        """Every training that ran away, in order."""
        return []

    def kept_units(self, counts: KeepCounts) -> dict[str, Units]:
        """Return the sorted units that each group keeps."""
        return {name: most_important(self.importance[name], count) for name, count in counts.items()}

    def pruned(self, counts: KeepCounts) -> Network:
        """Return the pruned network as it is placed: neither recalibrated nor fine-tuned."""
        return self._pruned(_key(counts))

    def cut(self, network: Network, kept: Mapping[str, Units]) -> Network:
        """Return a network with only the ``kept`` units of each group, recalibrated where that lowers its loss."""
        left, decide = keep_units(network, kept), self.options.decide
        return recalibrated(network, left, kept, self.data, self.execution, decide=decide)

    def network_of(self, proposal: Proposal) -> Network:
        """Return the network of a proposal as its fine-tuning starts from it."""
        if proposal.network is not None:
            return proposal.network
        return self._recalibrated(_key(proposal.counts))

    def predicted_share(self, counts: KeepCounts) -> float:
        """Return the share of the SynOps that a network of these widths spends at the unpruned network's rates."""
        return self.cost.share_of(self.kept_units(counts))

    def outcome(self, proposal: Proposal) -> Outcome:
        """Score a proposal before fine-tuning.

        Counts are scored without running anything.  A network whose weights a method changed is run in float on part of
        the validation split, and its accuracy is the score.
        """
        if proposal.network is None:
            kept = self.kept_units(proposal.counts)
            return Outcome(kept_importance(self.importance, kept), self.cost.share_of(kept))
        split = self.data.val.some(_SAMPLES)
        activity = measure_float(proposal.network, split, self.execution, decide=self.options.decide)
        return Outcome(activity.accuracy, activity.mean_synops / self.cost.total)

    def placement(self, counts: KeepCounts) -> Placement:
        """Place the pruned network by the target's own rule."""
        return self._placed(_key(counts))

    def expected_placement(self, counts: KeepCounts) -> Placement:
        """Place the pruned network with the run's placer, at the unpruned network's rates: it takes no more cores."""
        return self.placement(counts) if keeps_rule(self.place) else self._expected(_key(counts))

    def _expected_placement(self, counts: KeepCounts) -> Placement:
        try:
            lowered = self.compiler.lower(self.pruned(counts))
        except UnsupportedError:  # of these weights; the fine-tuned ones may be possible
            return self.placement(counts)
        left, sent = kept_neurons(self.baseline.network, self.kept_units(counts)), self.baseline.chip_val.sent
        sent = {name: spikes[left[name]] if name in left else spikes for name, spikes in sent.items()}
        steps = self.data.steps * len(self.baseline.chip_val.labels)
        load = partial(expected_load, lowered.program, sent, steps)
        return placed_by(self.place, self.compiler, lowered, load).placement

    def tune(
        self,
        network: Network,
        config: FinetuneConfig,
        *,
        seed: int,
        target: float | None = None,
        multiplier: float = 0.0,
        tick: Tick | None = None,
    ) -> Tuned:
        """Fine-tune a network with the chip's arithmetic, penalising SynOps per sample above ``target``, if given."""
        aims = Aims(self.teacher, target, multiplier)
        return self._tuned(network, config, self.execution.seed + seed, aims, self.compiler.trainable, tick)

    def tune_roughly(self, network: Network, config: FinetuneConfig, *, tick: Tick | None = None) -> Network:
        """Fine-tune a network in float: cheaper, and precise enough where one per cent decides nothing.

        Where the chip's answers differ from the float network's, it is fine-tuned with the chip's arithmetic.
        """
        aims, seed = Aims(self.teacher), self.execution.seed
        simulator = FloatSimulator if self.baseline.answers_alike else self.compiler.trainable
        return self._tuned(network, config, seed, aims, simulator, tick).network

    def _tuned(
        self,
        network: Network,
        config: FinetuneConfig,
        seed: int,
        aims: Aims,
        simulator: Callable[[Network], NetworkSimulator],
        tick: Tick | None,
    ) -> Tuned:
        split, execution = self.data.train, self.execution
        key = {
            "network": network.content_hash,
            "as": "float" if simulator is FloatSimulator else "chip",
            "seed": seed,
            "target": aims.synops_target,
            "multiplier": aims.multiplier,
            **asdict(config),
        }

        def tune() -> Tuned:
            begun = time.perf_counter()
            options: dict[str, Any] = {"execution": execution, "aims": aims, "simulator": simulator, "tick": tick}
            tuned = finetune(network, split, config, seed=seed, **options)
            done = config.steps(len(split)) if tuned.cut_at is None else tuned.cut_at
            self.pace.add(str(key["as"]), time.perf_counter() - begun, done)
            return tuned

        tuned = self.checkpoints.once(key, network, lambda each: simulator(each).to(execution.device), tune)
        self.ran_away.extend(tuned.ran_away)
        return tuned

    def measure(self, network: Network) -> Measured:
        """Lower a network and measure it on the validation samples."""
        lowered = self.compiler.lower(network)
        val = measure_program(lowered.program, self.data.val, self.execution, decide=self.options.decide)
        load = partial(measured_load, lowered.program, lowered.placement, val, self.data.steps)
        return Measured(network, placed_by(self.place, self.compiler, lowered, load), val)

    def measure_on_test(self, lowered: Lowered, tick: Tick | None = None) -> Activity:
        """Run a lowered network on the test samples."""
        return measure_program(lowered.program, self.data.test, self.execution, tick=tick, decide=self.options.decide)

    def measure_in_training(self, measured: Measured) -> float:
        """Return the mean SynOps on training samples, the unit of fine-tuning's target."""
        ranking = self.data.train.some(_RANKING_SAMPLES)
        return measure_program(measured.lowered.program, ranking, self.execution).mean_synops

    def prunable_groups(self) -> tuple[PrunableGroup, ...]:
        """Describe the groups to a method; each end of a projection is charged half of its SynOps."""
        network, total = self.baseline.network, self.cost.total
        fan_in: dict[str, int] = {}
        for synapses in network.synapses:
            fan_in[synapses.target] = fan_in.get(synapses.target, 0) + synapses.weight[0].size
        share = dict.fromkeys(self.cost.units, 0.0)
        for term in self.cost.terms:
            half = float(term.sent.sum() * term.share.sum()) / total / 2
            for end in (term.source, term.target):
                if end is not None:
                    share[end] += half
        return tuple(
            PrunableGroup(
                group.name,
                group.units,
                fan_in.get(group.name, 1),
                share[group.name],
                len(network[group.name].shape) == 3,
            )
            for group in self.groups.groups
        )


def _key(counts: KeepCounts) -> _Key:
    return tuple(sorted(counts.items()))
