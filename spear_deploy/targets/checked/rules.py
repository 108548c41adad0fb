"""Rules of checked chips on a network, each with the figure that it needs and the subject that it looks at.

Rules of the cores are in :mod:`.place`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from spear_deploy.network import Linear
from spear_deploy.targets.checked.profile import CheckedProfile
from spear_deploy.targets.checked.subject import (
    NetworkToCheck,
    different_weights,
    kind_of,
    left_over,
    reset_of,
    weight_count,
)
from spear_deploy.targets.network_rules import where
from spear_deploy.targets.rules import Breach, Rule, rule

_KINDS = {
    "memoryless": "threshold units without memory",
    "if": "neurons that keep all of their membrane",
    "lif": "leaky neurons",
    "cuba": "leaky neurons with a synaptic current",
}
_RESETS = {"zero": "to 0", "value": "to a value", "subtract": "by subtraction", "late": "one step late"}
_SPIKES = {"binary": "one spike", "integer": "several spikes"}


# Neurons


@rule("E093", fix="train the network with such neurons")
def neurons_are_of_a_kind(subject: NetworkToCheck, limits: CheckedProfile) -> Iterator[Breach]:
    """The chip computes {kinds}."""
    for population in subject.spiking:
        kind = kind_of(population.neuron)
        if kind not in limits.figure("neurons.kinds"):
            yield Breach(where(population), f"it is of {_KINDS[kind]}")


@rule("E093", fix="train the network with such a reset")
def resets(subject: NetworkToCheck, limits: CheckedProfile) -> Iterator[Breach]:
    """A spike resets the membrane {resets}."""
    for population in subject.spiking:
        kind = reset_of(population.neuron)
        if kind_of(population.neuron) == "memoryless":
            continue
        if kind not in limits.figure("neurons.resets"):
            yield Breach(where(population), f"it is reset {_RESETS[kind]}")
        elif population.neuron.reset_delay and "late" not in limits.figure("neurons.resets"):
            yield Breach(where(population), "it is reset one step late")


@rule("E093", fix="train the network with so many spikes a step")
def spikes_a_step(subject: NetworkToCheck, limits: CheckedProfile) -> Iterator[Breach]:
    """A neuron fires {spikes} a step."""
    for population in subject.spiking:
        kind = population.neuron.spikes
        if kind not in limits.figure("neurons.spikes"):
            yield Breach(where(population), f"it fires {_SPIKES[kind]} a step")


@rule("E093", fix="train the network without a lower limit")
def membranes_have_a_lower_limit(subject: NetworkToCheck, limits: CheckedProfile) -> Iterator[Breach]:
    """A membrane {floor}."""
    for population in () if limits.figure("neurons.floor") else subject.floored:
        yield Breach(where(population), f"its membrane is clipped at {population.neuron.floor:g}")


@rule("E093", fix="let the output fire")
def membranes_are_read(subject: NetworkToCheck, limits: CheckedProfile) -> Iterator[Breach]:
    """An output is {readout}."""
    for population in () if limits.figure("neurons.readout") else subject.readouts:
        yield Breach(where(population), "it never fires")


@rule("N041", severity="note", fix="compare spike times and rates on the chip itself")
def time_is_continuous(subject: NetworkToCheck, limits: CheckedProfile) -> Iterator[Breach]:
    """The chip computes in continuous time: its neurons follow the network's steps on average at best."""
    yield Breach("network", "it computes in steps")


# Synapses


@rule("E091", fix="prune what feeds it")
def fan_in_is_limited(subject: NetworkToCheck, limits: CheckedProfile) -> Iterator[Breach]:
    """A neuron has {fan_in} synapses at most."""
    most = limits.figure("synapses.fan_in")
    for population in subject.network.neurons:
        found = subject.most_fan_in(population.name)
        if found > most:
            beyond = int((subject.fan_in[population.name] > most).sum())
            of = f"{beyond:,} of its {population.size:,} neurons have more, {found:,} the most"
            yield Breach(where(population), of, found, most)


@rule("E095", fix="shorten the delay")
def delays_are_limited(subject: NetworkToCheck, limits: CheckedProfile) -> Iterator[Breach]:
    """A spike waits {delay_max} steps at most."""
    most = limits.figure("synapses.delay_max")
    for name, steps in subject.delays():
        if steps > most:
            yield Breach(f"projection {name!r}", f"it waits {steps} steps", steps, most)


@rule("E095", fix="unroll the loop")
def loops_are_there(subject: NetworkToCheck, limits: CheckedProfile) -> Iterator[Breach]:
    """Populations {loops} each other in a loop."""
    for loop in () if limits.figure("layers.loops") else sorted(subject.network.loops):
        found = "it feeds itself" if len(loop) == 1 else "they feed each other in a loop"
        yield Breach(f"population {', '.join(map(repr, loop))}", found)


@rule("N042", severity="note", fix="train with weights of so few bits")
def weights_are_rounded(subject: NetworkToCheck, limits: CheckedProfile) -> Iterator[Breach]:
    """Weights have {weight_bits} bits with their sign; one population shares a scale."""
    bits, lost = limits.figure("synapses.weight_bits"), {}
    for population in subject.network.neurons:
        into = subject.into(population.name)
        left, total = left_over(into, bits), sum(map(weight_count, into))
        if left < total:
            lost[population.name] = f"{1 - left / total:.1%} of {total:,}"
    if lost:
        listed = ", ".join(f"{name!r} {share}" for name, share in lost.items())
        yield Breach("weights", f"rounded, some become 0; into populations {listed}")


@rule("E094", fix="train with so few different weights a neuron")
def weights_of_a_neuron(subject: NetworkToCheck, limits: CheckedProfile) -> Iterator[Breach]:
    """A neuron has {weights_of_a_neuron} different weights at most, apart from 0, of {weight_bits} bits."""
    most, bits = limits.figure("restrictions.weights_of_a_neuron"), limits.figure("synapses.weight_bits") or 16
    for population in subject.network.neurons:
        found = different_weights(subject, population.name, bits)
        if found > most:
            yield Breach(where(population), f"a neuron of it has {found:,} different weights", found, most)


@rule("E096", fix="prune it, or choose a chip of more memory")
def weights_fit_in_memory(subject: NetworkToCheck, limits: CheckedProfile) -> Iterator[Breach]:
    """All weights share {weight_bytes} bytes, a kernel's stored once; what else the memory holds is not counted."""
    most, bits = limits.figure("restrictions.weight_bytes"), limits.figure("synapses.weight_bits") or 1
    found = sum(map(weight_count, subject.network.synapses)) * bits // 8
    if found > most:
        yield Breach("network", f"they take {found:,} bytes at {bits} bits", found, most)


# Kernels and matrices


@rule("E095", fix="use another kernel")
def kernels_are_of_sizes(subject: NetworkToCheck, limits: CheckedProfile) -> Iterator[Breach]:
    """A kernel is square, of {kernels} cells a side."""
    for each in subject.convolutions:
        height, width = each.weight.shape[2:]
        if height != width or height not in limits.figure("restrictions.kernels"):
            yield Breach(f"projection {each.name!r}", f"its kernel, with pooling, is {height} x {width}")


@rule("E095", fix="use another stride")
def strides_are_of_sizes(subject: NetworkToCheck, limits: CheckedProfile) -> Iterator[Breach]:
    """Strides are {strides}."""
    for each in subject.convolutions:
        down, across = each.stride
        if not {down, across} <= set(limits.figure("restrictions.strides")):
            yield Breach(f"projection {each.name!r}", f"its stride, with pooling, is {down} x {across}")


@rule("E095", fix="prune or pool what feeds it")
def matrices_are_limited(subject: NetworkToCheck, limits: CheckedProfile) -> Iterator[Breach]:
    """A matrix has {matrix_inputs} inputs at most."""
    most = limits.figure("restrictions.matrix_inputs")
    for projection in subject.network.projections:
        for op in projection.ops:
            if isinstance(op, Linear) and op.weight.shape[1] > most:
                found = int(op.weight.shape[1])
                yield Breach(f"projection {projection.name!r}", f"its matrix has {found:,}", found, most)


@dataclass(frozen=True)
class Check:
    """A rule, the path of the figure that it needs, and whether a network has what it is checked on."""

    rule: Rule
    figure: str
    concerns: Callable[[NetworkToCheck], bool] = lambda _: True


def _fires(subject: NetworkToCheck) -> bool:
    return bool(subject.spiking)


LIMITS = (
    Check(neurons_are_of_a_kind, "neurons.kinds", _fires),
    Check(resets, "neurons.resets", _fires),
    Check(spikes_a_step, "neurons.spikes", _fires),
    Check(membranes_have_a_lower_limit, "neurons.floor", lambda subject: bool(subject.floored)),
    Check(membranes_are_read, "neurons.readout", lambda subject: bool(subject.readouts)),
    Check(fan_in_is_limited, "synapses.fan_in"),
    Check(weights_are_rounded, "synapses.weight_bits"),
    Check(delays_are_limited, "synapses.delay_max", lambda subject: any(subject.delays())),
    Check(loops_are_there, "layers.loops", lambda subject: bool(subject.network.loops)),
)
"""Limits that every chip has: if the figure is absent, the check is not made, and that is reported."""

RESTRICTIONS = (
    Check(time_is_continuous, "restrictions.time"),
    Check(weights_of_a_neuron, "restrictions.weights_of_a_neuron"),
    Check(weights_fit_in_memory, "restrictions.weight_bytes"),
    Check(kernels_are_of_sizes, "restrictions.kernels", lambda subject: bool(subject.convolutions)),
    Check(strides_are_of_sizes, "restrictions.strides", lambda subject: bool(subject.convolutions)),
    Check(matrices_are_limited, "restrictions.matrix_inputs"),
)
"""What some chips do not have: where the figure is absent, there is nothing to check."""


def figures_in_words(chip: CheckedProfile) -> dict[str, str]:
    """Return the figures that fill the text of the rules of this module; empty where one is absent."""

    def listed(path: str, words: Mapping[str, str]) -> str:
        *others, last = [words[each] for each in chip.figure(path) or ()] or [""]
        return f"{', '.join(others)} or {last}" if others else last

    def number(path: str) -> str:
        value = chip.figure(path)
        return "" if value is None else f"{value:,}"

    def sides(path: str) -> str:
        return ", ".join(map(str, chip.figure(path) or ()))

    return {
        "kinds": listed("neurons.kinds", _KINDS),
        "resets": listed("neurons.resets", _RESETS),
        "spikes": listed("neurons.spikes", _SPIKES),
        "floor": "may have a lower limit" if chip.figure("neurons.floor") else "has no lower limit",
        "readout": "a membrane or spikes" if chip.figure("neurons.readout") else "spikes: no membrane is read",
        "loops": "may feed themselves or" if chip.figure("layers.loops") else "do not feed themselves or",
        "fan_in": number("synapses.fan_in"),
        "delay_max": number("synapses.delay_max"),
        "weight_bits": number("synapses.weight_bits"),
        "weights_of_a_neuron": number("restrictions.weights_of_a_neuron"),
        "weight_bytes": number("restrictions.weight_bytes"),
        "kernels": sides("restrictions.kernels"),
        "strides": sides("restrictions.strides"),
        "matrix_inputs": number("restrictions.matrix_inputs"),
    }
