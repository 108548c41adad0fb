"""Rules of Xylo on a network: one small function per rule, whose docstring is the text that states it everywhere.

Rules of the network are checked before anything is rounded; those of what it does on samples are in
:mod:`.sample_rules`, those of the core in :mod:`.place`.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from spear_deploy.network.synapses import ConvSynapses
from spear_deploy.targets.network_rules import NetworkToLower, reset_in_words, where
from spear_deploy.targets.ports import InputRange
from spear_deploy.targets.rules import Breach, rule
from spear_deploy.targets.xylo.profile import XyloProfile
from spear_deploy.targets.xylo.timing import timing_of

_ADAPT = "deploy with --adapt, which gives it the chip's neuron and fine-tunes"


@rule("E074", fix="merge channels, or choose a chip with more inputs")
def inputs_fit(subject: NetworkToLower, limits: XyloProfile) -> Iterator[Breach]:
    """There are {inputs} input channels."""
    count, most = sum(port.size for port in subject.network.inputs), limits.capacity.inputs.value
    if count > most:
        yield Breach("network", f"it has {count} input channels", count, most)


@rule("E074", fix="train it with fewer classes, or choose a chip with more outputs")
def outputs_fit(subject: NetworkToLower, limits: XyloProfile) -> Iterator[Breach]:
    """There are {outputs} output neurons."""
    count = sum(subject.network[name].size for name in subject.network.outputs)
    most = limits.capacity.output_neurons.value
    if count > most:
        yield Breach("network", f"it has {count} outputs", count, most)


@rule("E074", fix="read spikes: give it a threshold and train it on spike counts")
def outputs_fire(subject: NetworkToLower, limits: XyloProfile) -> Iterator[Breach]:
    """Every neuron fires; membranes are not read."""
    for population in subject.network.neurons:
        if population.neuron.is_readout:
            yield Breach(where(population), "it is a readout, which never fires")


@rule("E074", fix="put a layer of neurons between, or read another population")
def outputs_end_the_network(subject: NetworkToLower, limits: XyloProfile) -> Iterator[Breach]:
    """Output neurons are fed by hidden neurons and feed nothing; inputs feed hidden neurons."""
    network = subject.network
    inputs = {port.name for port in network.inputs}
    for name in network.outputs:
        fed_by = sorted(p.source for p in network.into(name) if p.source in inputs)
        feeds = sorted(p.target for p in network.out_of(name))
        if name in inputs:
            yield Breach(f"input {name!r}", "it is an output too")
        if fed_by:
            yield Breach(f"population {name!r}", f"it is an output that the input {', '.join(fed_by)} feeds")
        if feeds:
            yield Breach(f"population {name!r}", f"it is an output that feeds {', '.join(feeds)}")


@rule("E072", fix="write the layer as a Linear, or choose a chip with convolutions")
def synapses_are_matrices(subject: NetworkToLower, limits: XyloProfile) -> Iterator[Breach]:
    """Two populations are joined by one matrix of synapses; there are no convolutions."""
    pairs = set[tuple[str, str]]()
    for synapses in subject.network.synapses:
        if isinstance(synapses, ConvSynapses):
            yield Breach(f"projection {synapses.name!r}", "it is a convolution")
        if (synapses.source, synapses.target) in pairs:
            yield Breach(f"projection {synapses.name!r}", f"another one joins {synapses.source} to {synapses.target}")
        pairs.add((synapses.source, synapses.target))


@rule("E073", fix="train with the chip's delays: none from an input, one step around a loop of each neuron in it")
def delays_are_the_chips(subject: NetworkToLower, limits: XyloProfile) -> Iterator[Breach]:
    """A spike takes no step from an input and one from a neuron; paths that join are equally long."""
    timing = timing_of(subject.network)
    for name, steps in timing.early.items():
        when = f"{abs(steps)} step{'s' * (abs(steps) > 1)} too {'early' if steps > 0 else 'late'}"
        yield Breach(f"projection {name!r}", f"its spikes would arrive {when}", abs(steps), 0)
    for name in timing.negative:
        yield Breach(f"population {name!r}", "a delayed input leads to it", -timing.depths[name], 0)


@rule("E030", fix=f"{_ADAPT}, or train with a reset by subtraction in the step of the spike")
def resets_subtract(subject: NetworkToLower, limits: XyloProfile) -> Iterator[Breach]:
    """A spike takes the threshold off the membrane, in the step of the spike."""
    for population in subject.spiking:
        neuron = population.neuron
        if neuron.reset != "subtract" or neuron.reset_delay:
            yield Breach(where(population), f"it resets {reset_in_words(neuron)}")


@rule("E027", fix=f"{_ADAPT}, or train with membranes that start at 0")
def starts_at_zero(subject: NetworkToLower, limits: XyloProfile) -> Iterator[Breach]:
    """Membranes start at 0."""
    for population in subject.spiking:
        away = float(np.abs(population.neuron.start).max())
        if away and population.neuron.reset == "subtract":  # else the reset is refused, and the start with it
            yield Breach(where(population), f"it starts up to {away:.4g} from 0", away, 0)


@rule("E032", fix=f"{_ADAPT}, or train without the clip")
def no_lower_bound(subject: NetworkToLower, limits: XyloProfile) -> Iterator[Breach]:
    """The membrane has no lower bound above the register's."""
    for population in subject.spiking:
        if population.neuron.floor is not None:
            yield Breach(where(population), f"its membrane is clipped at {population.neuron.floor:g}")


@rule("E070", fix=f"{_ADAPT}, or train with a synaptic current")
def currents_outlive_a_step(subject: NetworkToLower, limits: XyloProfile) -> Iterator[Breach]:
    """A synaptic current keeps half of itself in a step at least: 1 - 2^-d with d from 1 to {max_decay}."""
    for population in subject.spiking:
        none = int(np.count_nonzero(population.neuron.alpha < _LEAST_CURRENT))
        if none:
            least = float(population.neuron.alpha.min())
            message = f"{none:,} of its {population.size:,} neurons have no synaptic current, or nearly none"
            yield Breach(where(population), message, least, _LEAST_CURRENT, at_least=True)


_LEAST_CURRENT = 0.25
"""What is nearer to no current than to one that keeps half of itself."""


@rule("E034", fix="train with decays, gains and thresholds in these ranges")
def neurons_are_integrators(subject: NetworkToLower, limits: XyloProfile) -> Iterator[Breach]:
    """Decays keep 0 to 1 of a state, a synaptic current less than 1; gains and thresholds are positive and finite."""
    for population in subject.spiking:
        neuron = population.neuron
        assert neuron.threshold is not None
        for name, values in (("membrane", neuron.beta), ("current", neuron.alpha)):
            if values.min() < 0 or values.max() > 1:
                worst = float(values.min() if values.min() < 0 else values.max())
                yield Breach(where(population), f"its {name} keeps {worst:.6g} of itself", worst, 1)
        if np.any(neuron.alpha == 1):
            yield Breach(where(population), "its synaptic current never decays", 1, 1)
        for name, values in (("gain of its current", neuron.gain), ("threshold", neuron.threshold)):
            if values.min() <= 0:
                yield Breach(where(population), f"the {name} is {values.min():g}", float(values.min()), 0, True)
        if not np.all(np.isfinite(neuron.threshold)):
            yield Breach(where(population), "a threshold is infinite: prune the neuron")


@rule("E033", fix="use --encoding rate, shorter bins, or binary events")
def payloads_are_counts(subject: NetworkToLower, limits: XyloProfile) -> Iterator[Breach]:
    """An input channel is fed numbers of events, {max_events} in a step at most."""
    most = limits.spikes.per_input.value
    for port in subject.network.inputs:
        values = subject.inputs.get(port.name, InputRange())
        if not values.integral:
            yield Breach(f"input {port.name!r}", "the data hold values that are not numbers of events")
        elif values.maximum > most:
            yield Breach(f"input {port.name!r}", f"counts reach {values.maximum:g}", values.maximum, most)


NETWORK_RULES = (
    inputs_fit,
    outputs_fit,
    outputs_fire,
    outputs_end_the_network,
    synapses_are_matrices,
    delays_are_the_chips,
    resets_subtract,
    starts_at_zero,
    no_lower_bound,
    currents_outlive_a_step,
    neurons_are_integrators,
    payloads_are_counts,
)
"""Checked on the float network."""
