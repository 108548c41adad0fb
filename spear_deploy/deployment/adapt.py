"""Read a network with the chip's built-in neuron, and repair by fine-tuning what that changes.

What the built-in neuron lacks: resets other than to a value in the step of the spike, several spikes a step, a lower
clip of the membrane.  Reading a network without them changes its activity by a factor at times, so the effect is
measured and reported, never silent.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeGuard

from spear_deploy.data.datasets import Dataset, Split
from spear_deploy.errors import Finding
from spear_deploy.frontends import Imported, Semantics
from spear_deploy.measure.runs import measure_float
from spear_deploy.network import Network, Neuron, Population
from spear_deploy.progress import Tick
from spear_deploy.train.config import Recipe
from spear_deploy.train.finetune import finetune


@dataclass(frozen=True)
class Behaviour:
    """What a float network does on the test samples: accuracy, and spikes a sample of all its neurons."""

    accuracy: float
    spikes: float

    def __str__(self) -> str:
        return f"accuracy {self.accuracy:.2%}, {self.spikes:,.0f} spikes a sample"


@dataclass(frozen=True)
class Adaptation:
    """Behaviour as trained, as read with the built-in neuron, and after fine-tuning; ``changed`` names populations."""

    changed: tuple[str, ...]
    source: Behaviour
    adapted: Behaviour
    finetuned: Behaviour


def with_builtin_neurons(network: Network) -> Network:
    """Return the network with every neuron as the chip's built-in one."""
    return replace(network, populations=tuple(_builtin(population) for population in network.populations))


def changed(network: Network) -> tuple[str, ...]:
    """Return the populations that the built-in neuron would change, in order of execution."""
    return tuple(p.name for p in network.neurons if _departs(p.neuron))


def adapt(imported: Imported, data: Dataset, recipe: Recipe, seed: int, tick: Tick) -> tuple[Imported, Adaptation]:
    """Give a network the built-in neuron and fine-tune it, distilling from itself as it was trained."""
    source, adapted = imported.network, with_builtin_neurons(imported.network)
    tuned = finetune(adapted, data.train, recipe, seed=seed, teacher=source, tick=tick)
    measured = (behaviour(network, data.test) for network in (source, adapted, tuned))
    done = replace(imported, network=tuned, semantics=_builtin_semantics(imported.semantics))
    return done, Adaptation(changed(source), *measured)


def effect(network: Network, data: Dataset) -> Finding:
    """Measure what reading a network with the built-in neuron does to it (N007)."""
    before, after = behaviour(network, data.test), behaviour(with_builtin_neurons(network), data.test)
    names = changed(network)
    where = f"population{'s' * (len(names) > 1)} {', '.join(names)}"
    message = f"with the chip's built-in neuron: {after}; as trained: {before} ({len(data.test)} test samples)"
    return Finding("N007", where, message, "--adapt fine-tunes it under the built-in neuron", "note")


def behaviour(network: Network, split: Split) -> Behaviour:
    """Run a float network."""
    activity = measure_float(network, split)
    neurons = [p.name for p in network.neurons if p.name in activity.spikes]
    return Behaviour(activity.accuracy, float(sum(activity.spikes[name].mean() for name in neurons)))


def _builtin(population: Population) -> Population:
    neuron = population.neuron
    if not _departs(neuron):
        return population
    return replace(population, neuron=replace(neuron, reset="value", late=False, spikes="binary", floor=None))


def _departs(neuron: Neuron | None) -> TypeGuard[Neuron]:
    if neuron is None or neuron.is_readout:
        return False
    return neuron.reset != "value" or neuron.late or neuron.spikes != "binary" or neuron.floor is not None


def _builtin_semantics(semantics: Semantics) -> Semantics:
    reset = "zero" if semantics.reset == "subtract" else semantics.reset
    return replace(semantics, reset=reset, late=False, spikes="binary", floor=None)
