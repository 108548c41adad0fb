"""Adaptation: give a network the chip's own neuron, and repair the effect by fine-tuning.

Replacing neurons can change a network's activity severalfold, so the effect is always measured and reported.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

from spear_deploy.data import Dataset, Split
from spear_deploy.errors import Finding
from spear_deploy.execution import Execution
from spear_deploy.frontends import Imported
from spear_deploy.measure.activity import Activity
from spear_deploy.measure.runs import measure_float, measure_program
from spear_deploy.network import Network
from spear_deploy.progress import Tick
from spear_deploy.search.loss import calibrated_loss
from spear_deploy.search.options import SearchOptions
from spear_deploy.search.rate import lowest_loss
from spear_deploy.targets import Compiler
from spear_deploy.train.config import Aims, FinetuneConfig
from spear_deploy.train.finetune import RunAway, finetune
from spear_deploy.train.teacher import Teacher

CURED = frozenset({"E027", "E030", "E031", "E032", "E070", "E071", "E086"})
"""Codes of findings on a network's neurons that the chip's own neurons cure."""

_RATED = 512
"""Training samples on which the source's SynOps are measured."""
_RUN_AWAY = 1.5
"""Multiple of the source's SynOps above which a training ran away: others stay within a fifth."""
_LOWER = (1.0, 0.25, 0.0625)
"""Factors of the learning rate, tried in turn: short runs do not show that a long one runs away."""


@dataclass(frozen=True)
class Behaviour:
    """Accuracy of a float network on the test samples, and spikes per sample of all its neurons."""

    accuracy: float
    spikes: float

    def __str__(self) -> str:
        return f"accuracy {self.accuracy:.2%}, {self.spikes:,.0f} spikes a sample"


@dataclass(frozen=True)
class Adaptation:
    """Behaviour as trained, with the chip's neuron, and after fine-tuning; ``changed`` lists populations."""

    changed: tuple[str, ...]
    source: Behaviour
    adapted: Behaviour
    finetuned: Behaviour


def foreign_neurons(network: Network, compiler: Compiler, imported: Imported) -> tuple[str, ...]:
    """Return the populations that the chip's own neuron would change, in order of execution."""
    adapted, _ = compiler.adapt(network, imported.semantics)
    return tuple(p.name for p in network.neurons if adapted[p.name] is not network[p.name])


@dataclass(frozen=True, eq=False)
class Retraining:
    """Fine-tuning of a network with the chip's own neurons and arithmetic.

    The teacher is the network as it was trained; where neurons fire several times per step, its SynOps are the limit.
    ``decide`` names the decision rule of both.
    """

    imported: Imported
    compiler: Compiler
    data: Dataset
    execution: Execution
    decide: str | None = None
    ran_away: list[RunAway] = field(default_factory=list)

    @cached_property
    def given(self) -> Activity:
        """The behaviour of the network as it was trained, in float, on the test samples."""
        return measure_float(self.imported.network, self.data.test, self.execution, decide=self.decide)

    @cached_property
    def source_synops(self) -> float:
        """SynOps per training sample of the network as it was trained."""
        return measure_float(self.imported.network, self.data.train.some(_RATED), self.execution).mean_synops

    @cached_property
    def _teacher(self) -> Teacher:
        return Teacher(self.imported.network, self.data.train, decide=self.decide, execution=self.execution)

    def tuned(self, config: FinetuneConfig, tick: Tick | None = None) -> Network:
        """Return the network fine-tuned."""
        adapted, _ = self.compiler.adapt(self.imported.network, self.imported.semantics)
        tuned = finetune(
            adapted,
            self.data.train,
            config,
            seed=self.execution.seed,
            execution=self.execution,
            aims=Aims(self._teacher, _bound(self, adapted)),
            simulator=self.compiler.trainable,
            tick=tick,
        )
        self.ran_away.extend(tuned.ran_away)
        return tuned.network

    def kept(self, config: FinetuneConfig, tick: Tick | None = None) -> Network:
        """Return the fine-tuned network; if training runs away, at a lower learning rate."""
        for share in _LOWER:
            slower = replace(config, learning_rate=share * config.learning_rate)
            tuned = self.tuned(slower, tick)
            if (spent := self._runs_away(tuned)) is None:
                break
            steps = slower.steps(len(self.data.train))
            self.ran_away.append(RunAway(slower.learning_rate, steps, *spent))
        return tuned

    def _runs_away(self, tuned: Network) -> tuple[float, float] | None:
        """Return the SynOps per sample and their limit, if the network far exceeds it on the chip."""
        bound = _bound(self, tuned)
        if bound is None:
            return None
        program, some = self.compiler.lower(tuned).program, self.data.train.some(_RATED)
        spent = measure_program(program, some, self.execution).mean_synops
        return (spent, _RUN_AWAY * bound) if spent > _RUN_AWAY * bound else None

    def rate(self, options: SearchOptions, tick: Tick) -> float:
        """Return the learning rate at which short runs lower the chip's loss on the validation samples most."""

        def loss_at(rate: float) -> float:
            program = self.compiler.lower(self.tuned(replace(options.trial, learning_rate=rate))).program
            return calibrated_loss(measure_program(program, self.data.val, self.execution, decide=self.decide))

        return lowest_loss(loss_at, tick) if options.rate is None else options.rate


def adapt(retraining: Retraining, config: FinetuneConfig, tick: Tick) -> tuple[Imported, Adaptation]:
    """Give a network the chip's own neuron and fine-tune it."""
    imported, compiler = retraining.imported, retraining.compiler
    adapted, semantics = compiler.adapt(imported.network, imported.semantics)
    tuned = retraining.kept(config, tick)
    measured = [
        behaviour(each, retraining.data.test, retraining.execution, retraining.decide) for each in (adapted, tuned)
    ]
    done = replace(imported, network=tuned, semantics=semantics)
    source = _behaviour(imported.network, retraining.given)
    return done, Adaptation(foreign_neurons(imported.network, compiler, imported), source, *measured)


def _bound(retraining: Retraining, adapted: Network) -> float | None:
    """Return the limit of SynOps per sample in training: the source's, if neurons fire several times per step.

    Nothing else keeps these from firing ever more: with the loss alone, training runs away.
    """
    if not any(population.neuron.spikes == "integer" for population in adapted.neurons):
        return None
    return retraining.source_synops


def effect(
    imported: Imported, compiler: Compiler, data: Dataset, execution: Execution, decide: str | None = None
) -> Finding:
    """Measure the effect of the chip's own neuron on a network (N007)."""
    network = imported.network
    adapted, _ = compiler.adapt(network, imported.semantics)
    before, after = (behaviour(each, data.test, execution, decide) for each in (network, adapted))
    names = foreign_neurons(network, compiler, imported)
    where = f"population{'s' * (len(names) > 1)} {', '.join(names)}"
    message = f"with the chip's built-in neuron: {after}; as trained: {before} ({len(data.test)} test samples)"
    return Finding("N007", where, message, "--adapt fine-tunes it under the built-in neuron", "note")


def behaviour(
    network: Network, split: Split, execution: Execution | None = None, decide: str | None = None
) -> Behaviour:
    """Measure a float network; ``decide`` names the decision rule."""
    return _behaviour(network, measure_float(network, split, execution, decide=decide))


def _behaviour(network: Network, activity: Activity) -> Behaviour:
    neurons = [p.name for p in network.neurons if p.name in activity.spikes]
    return Behaviour(activity.accuracy, float(sum(activity.spikes[name].mean() for name in neurons)))
