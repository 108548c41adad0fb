"""Whether a network fits on the single core: neurons, synapses, fan-in, fan-out, reach of inputs and outputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np

from spear_deploy.network.ops import Shape
from spear_deploy.network.synapses import Synapses
from spear_deploy.placement import Placement, PopulationPlacement
from spear_deploy.targets.rules import Breach, check_rules, rule
from spear_deploy.targets.xylo.profile import XyloProfile


@dataclass(frozen=True, eq=False)
class CoreUse:
    """What hidden neurons use: a figure per neuron, (n,), in the order of the chip's neurons.

    ``fan_in`` and ``fan_out`` are synapses from and to hidden neurons, inputs counted as fan-in; ``fed`` are neurons
    that an input reaches, ``read`` those that an output does.
    """

    names: np.ndarray
    fan_in: np.ndarray
    fan_out: np.ndarray
    recurrent: int
    fed: np.ndarray
    read: np.ndarray

    @classmethod
    def of(cls, order: Sequence[str], shapes: Mapping[str, Shape], synapses: Sequence[Synapses]) -> CoreUse:
        """Return what the populations ``order`` take; others are inputs, where they are not targets, and outputs."""
        start, size = {}, 0
        for name in order:
            start[name], size = slice(size, size + int(np.prod(shapes[name]))), size + int(np.prod(shapes[name]))
        figures = {key: np.zeros(size, np.int64) for key in ("fan_in", "fan_out", "fed", "read")}
        recurrent = 0
        for each in synapses:
            exists = each.weight.reshape(len(each.weight), -1) != 0
            if each.target in start:
                figures["fan_in"][start[each.target]] += exists.sum(axis=1)
            if each.source in start and each.target in start:
                figures["fan_out"][start[each.source]] += exists.sum(axis=0)
                recurrent += int(exists.sum())
            elif each.target in start:
                figures["fed"][start[each.target]] += exists.any(axis=1)
            elif each.source in start:
                figures["read"][start[each.source]] += exists.any(axis=0)
        names = np.repeat(np.array(list(start), object), [part.stop - part.start for part in start.values()])
        return cls(names, recurrent=recurrent, **figures)

    def shares(self, chip: XyloProfile) -> dict[str, float]:
        """Return the share of each resource that is taken."""
        has, size = chip.capacity, len(self.names)
        first = max(np.flatnonzero(self.fed), default=-1) + 1
        last = size - min(np.flatnonzero(self.read), default=size)
        taken = {
            "neurons": (size, has.hidden_neurons),
            "recurrent synapses": (self.recurrent, has.recurrent_entries),
            "fan-out": (int(self.fan_out.max(initial=0)), has.fan_out),
            "fan-in": (int(self.fan_in.max(initial=0)), has.fan_in),
            "reach of inputs": (int(first), has.input_reach),
            "reach of outputs": (int(last), has.output_reach),
        }
        return {name: used / limit.value for name, (used, limit) in taken.items() if limit is not None}


@rule("E035", fix="prune it with spear-deploy deploy, or choose a chip with more neurons")
def neurons_fit(subject: CoreUse, limits: XyloProfile) -> Iterator[Breach]:
    """There are {hidden} hidden neurons."""
    if len(subject.names) > limits.capacity.hidden_neurons.value:
        most = limits.capacity.hidden_neurons.value
        yield Breach("network", f"it has {len(subject.names):,}", len(subject.names), most)


@rule("E035", fix="prune it with spear-deploy deploy, or train it with fewer recurrent synapses")
def recurrent_synapses_fit(subject: CoreUse, limits: XyloProfile) -> Iterator[Breach]:
    """Hidden neurons are joined by {recurrent} synapses at most; a weight of 0 takes none."""
    most = limits.capacity.recurrent_entries.value
    if subject.recurrent > most:
        yield Breach("network", f"it has {subject.recurrent:,}", subject.recurrent, most)


@rule("E035", fix="prune the populations that it is joined to")
def fans_fit(subject: CoreUse, limits: XyloProfile) -> Iterator[Breach]:
    """A hidden neuron has synapses to {fan_out} others at most, and {fan_in}."""
    for kind, found, limit in (
        ("reaches", subject.fan_out, limits.capacity.fan_out),
        ("is reached by", subject.fan_in, limits.capacity.fan_in),
    ):
        for name in dict.fromkeys(subject.names) if limit is not None else ():
            worst = int(found[subject.names == name].max())
            if limit is not None and worst > limit.value:
                yield Breach(f"population {name!r}", f"a neuron of it {kind} {worst:,}", worst, limit.value)


@rule("E035", fix="prune the layers that inputs feed and outputs read, or put a layer between them")
def ends_reach(subject: CoreUse, limits: XyloProfile) -> Iterator[Breach]:
    """Inputs reach {input_reach}, and outputs read {output_reach}."""
    size = len(subject.names)
    for found, neurons, reach in (
        ("an input feeds", np.flatnonzero(subject.fed), limits.capacity.input_reach),
        ("an output reads", size - 1 - np.flatnonzero(subject.read), limits.capacity.output_reach),
    ):
        if reach is not None and len(neurons) and neurons.max() >= reach.value:
            beyond = int(np.count_nonzero(neurons >= reach.value))
            yield Breach("network", f"{beyond:,} neurons that {found} lie beyond", int(neurons.max()) + 1, reach.value)


CORE_RULES = (neurons_fit, recurrent_synapses_fit, fans_fit, ends_reach)
"""Checked on the placement."""


def place(
    hidden: Sequence[str],
    outputs: Sequence[str],
    shapes: Mapping[str, Shape],
    synapses: Sequence[Synapses],
    chip: XyloProfile,
    weight_bits: int,
) -> Placement:
    """Place populations, hidden ones in the order of the chip's neurons, on the one core.

    Of what does not fit, ``cores`` says how many cores like it would hold it.
    """
    use = CoreUse.of(hidden, shapes, synapses)
    shares = use.shares(chip)
    cores = max(1, ceil(max(shares.values())))
    read = {name: int(np.prod(shapes[name])) for name in (*hidden, *outputs)}
    populations = []
    for name in (*hidden, *outputs):
        existing = sum(int(np.count_nonzero(each.weight)) for each in synapses if each.target == name)
        own = shares if name in hidden else {"neurons": read[name] / chip.capacity.output_neurons.value}
        binding = max(own, key=lambda resource: own[resource])
        sizes = (cores, 0, read[name], existing, 0, 0, existing * weight_bits)
        populations.append(PopulationPlacement(name, tuple(shapes[name]), *sizes, own, binding))
    return Placement(tuple(populations), tuple(check_rules(CORE_RULES, use, chip, core_figures(chip))))


def core_figures(chip: XyloProfile) -> dict[str, str]:
    """Return what fills the texts of the rules of the core, and of the ends of a network."""
    has = chip.capacity
    fan_in = "is reached by as many" if has.fan_in is None else f"is reached by {has.fan_in.value} neurons and inputs"
    reach = {"input_reach": (has.input_reach, "first"), "output_reach": (has.output_reach, "last")}
    words = {
        name: "every hidden neuron" if limit is None else f"the {which} {limit.value} hidden neurons"
        for name, (limit, which) in reach.items()
    }
    return {
        "inputs": str(has.inputs.value),
        "outputs": str(has.output_neurons.value),
        "hidden": f"{has.hidden_neurons.value:,}",
        "recurrent": f"{has.recurrent_entries.value:,}",
        "fan_out": f"{has.fan_out.value:,}",
        "fan_in": fan_in,
        **words,
    }
