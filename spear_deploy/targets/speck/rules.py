"""Rules of Speck on a network: one small function per rule, whose docstring is the text that states it everywhere.

sinabs accepts much of what is refused here (groups, a kernel of 17, a third destination): its configuration then lacks
it. Rules of the cores' memories are in :mod:`.place`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from spear_deploy.network import Population
from spear_deploy.targets.network_rules import NetworkToLower, where
from spear_deploy.targets.ports import InputRange
from spear_deploy.targets.rules import Breach, rule
from spear_deploy.targets.speck.layers import Feed, Layer, constants_of
from spear_deploy.targets.speck.profile import SpeckProfile

_ADAPT = "deploy with --adapt, which gives it the chip's own neuron and fine-tunes"


@dataclass(frozen=True, eq=False)
class LayersToLower(NetworkToLower):
    """What the rules of the network look at."""

    layers: tuple[Layer, ...]

    @property
    def feeds(self) -> list[Feed]:
        """Every projection."""
        return [feed for layer in self.layers for feed in layer.feeds]


def _at(feed: Feed) -> str:
    return f"projection {feed.projection.name!r}"


# The shape of the network


@rule("E035", fix="merge or drop layers: pruning makes them narrower, not fewer")
def a_core_for_each_layer(subject: LayersToLower, limits: SpeckProfile) -> Iterator[Breach]:
    """Each layer takes a core of its own; the chip has {cores}."""
    if len(subject.layers) > limits.cores:
        yield Breach("network", f"it has {len(subject.layers)} layers", len(subject.layers), limits.cores)


@rule("E080", fix="give each population weights of its own in front, and pool in front of weights only")
def one_kernel_a_layer(subject: LayersToLower, limits: SpeckProfile) -> Iterator[Breach]:
    """A layer is pooling, then one convolution or matrix, then neurons."""
    for feed in subject.feeds:
        if feed.odd:
            yield Breach(_at(feed), f"it has {', '.join(feed.odd)}")
    for layer in subject.layers:
        if not layer.feeds:
            yield Breach(where(layer.population), "nothing feeds it")


@rule("E080", fix="leave out the delay: events travel in microseconds")
def no_delays(subject: LayersToLower, limits: SpeckProfile) -> Iterator[Breach]:
    """An event arrives at once: there are no delays, and no loops, in which the chip may lock up."""
    looped = [set(loop) for loop in subject.network.loops]
    for feed in subject.feeds:
        is_inside = any({feed.projection.source, feed.projection.target} <= loop for loop in looped)
        if feed.projection.delay and not is_inside:
            yield Breach(_at(feed), f"it waits {feed.projection.delay} steps", feed.projection.delay, 0)
    for loop in subject.network.loops:
        yield Breach(f"populations {', '.join(loop)}", "they feed each other in a loop")


@rule("E085", fix="give the same weights to both, or sum the sources in one population in front")
def one_kernel_for_all_sources(subject: LayersToLower, limits: SpeckProfile) -> Iterator[Breach]:
    """A core has one kernel, whatever feeds it: sources are summed in front of the weights."""
    for layer in subject.layers:
        kernels = [feed.kernel for feed in layer.feeds if feed.kernel is not None]
        for kernel in kernels[1:]:
            first = kernels[0]
            same = (kernel.stride, kernel.padding) == (first.stride, first.padding)
            if not same or not np.array_equal(kernel.weight, first.weight):
                yield Breach(where(layer.population), f"{len(kernels)} projections with weights of their own feed it")
                break


@rule("E084", fix="let fewer populations listen to it")
def few_destinations(subject: LayersToLower, limits: SpeckProfile) -> Iterator[Breach]:
    """A core sends to {destinations} others at most."""
    for name, count in Counter(feed.projection.source for feed in subject.feeds).items():
        if isinstance(subject.network[name], Population) and count > limits.memory.destinations.value:
            yield Breach(f"population {name!r}", f"it feeds {count}", count, limits.memory.destinations.value)


# Kernels, pooling, maps


@rule("E081", fix="use a smaller, square kernel")
def kernels_are_small_and_square(subject: LayersToLower, limits: SpeckProfile) -> Iterator[Breach]:
    """A kernel is square and {kernel_max} cells a side at most; a matrix after a map is a kernel as large as the
    map."""
    most = limits.layers.kernel_max.value
    for feed in subject.feeds:
        if feed.kernel is None:
            continue
        height, width = feed.kernel.weight.shape[2:]
        if max(height, width) > most:
            yield Breach(_at(feed), f"its kernel is {height} x {width}", max(height, width), most)
        elif height != width:
            kind = "a matrix after a map" if feed.is_matrix else "its kernel is"
            yield Breach(_at(feed), f"{kind} of {height} x {width}")


@rule("E081", fix="use another stride or padding")
def strides_and_padding(subject: LayersToLower, limits: SpeckProfile) -> Iterator[Breach]:
    """Strides are {strides}, padding is {padding_max} at most."""
    for feed in subject.feeds:
        if feed.kernel is None:
            continue
        if not set(feed.kernel.stride) <= set(limits.layers.strides.value):
            yield Breach(_at(feed), f"its stride is {_by(feed.kernel.stride)}")
        if max(feed.kernel.padding) > limits.layers.padding_max.value:
            most = limits.layers.padding_max.value
            yield Breach(_at(feed), f"its padding is {_by(feed.kernel.padding)}", max(feed.kernel.padding), most)


@rule("E081", fix="pool by strides of the convolution instead, or in two layers")
def poolings(subject: LayersToLower, limits: SpeckProfile) -> Iterator[Breach]:
    """Between neurons and weights, {pools} cells a side are summed, without overlap or padding; poolings in a row
    multiply."""
    for feed in subject.feeds:
        for pool in feed.pools:
            if pool.kernel != pool.stride or pool.padding != (0, 0):
                moved = f"steps by {_by(pool.stride)}, padded by {_by(pool.padding)}"
                yield Breach(_at(feed), f"its pooling of {_by(pool.kernel)} {moved}")
        if feed.pool[0] != feed.pool[1] or feed.pool[0] not in limits.layers.pools.value:
            yield Breach(_at(feed), f"it pools {_by(feed.pool)} cells")
        elif feed.pools and feed.projection.source in {port.name for port in subject.network.inputs}:
            yield Breach(_at(feed), "it pools the input, which no core sends")


@rule("E081", fix="prune it")
def channels_are_addressed(subject: LayersToLower, limits: SpeckProfile) -> Iterator[Breach]:
    """A layer has {channels_max} channels at most."""
    most = limits.layers.channels_max.value
    for layer in subject.layers:
        if layer.map[0] > most:
            yield Breach(where(layer.population), f"it has {layer.map[0]}", layer.map[0], most)


@rule("E082", fix="use a convolution of all channels without gaps")
def no_groups_or_dilation(subject: LayersToLower, limits: SpeckProfile) -> Iterator[Breach]:
    """A convolution sees all channels, and its kernel has no gaps: sinabs runs groups and dilation, its chips do
    not."""
    for feed in subject.feeds:
        if feed.kernel is not None and feed.kernel.groups > 1:
            yield Breach(_at(feed), f"it has {feed.kernel.groups} groups", feed.kernel.groups, 1)
        if feed.kernel is not None and max(feed.kernel.dilation) > 1:
            yield Breach(_at(feed), f"its dilation is {_by(feed.kernel.dilation)}", max(feed.kernel.dilation), 1)


@rule("E083", fix="crop or pool it")
def maps_are_addressed(subject: LayersToLower, limits: SpeckProfile) -> Iterator[Breach]:
    """A map that arrives is {input_map_max} cells a side at most, one of neurons {output_map_max}."""
    into, out = limits.layers.input_map_max.value, limits.layers.output_map_max.value
    for feed in subject.feeds:
        if max(feed.shape[1:]) > into:
            yield Breach(_at(feed), f"a map of {_by(feed.shape[1:])} arrives", max(feed.shape[1:]), into)
    for layer in subject.layers:
        if max(layer.map[1:]) > out:
            yield Breach(where(layer.population), f"its map is {_by(layer.map[1:])}", max(layer.map[1:]), out)


# Neurons


@rule("E086", fix="let the output fire: put integrate-and-fire neurons after its weights")
def the_readout_fires(subject: LayersToLower, limits: SpeckProfile) -> Iterator[Breach]:
    """Every population fires; what is read of the output are its spikes."""
    for population in subject.network.neurons:
        if population.neuron.is_readout:
            yield Breach(where(population), "it never fires")


@rule("E086", fix=_ADAPT)
def neurons_integrate(subject: LayersToLower, limits: SpeckProfile) -> Iterator[Breach]:
    """A neuron adds what arrives to its membrane and fires: no leak, no synaptic current."""
    for population in subject.spiking:
        neuron = population.neuron
        if np.any(neuron.beta != 1):
            leak = float(1 - neuron.beta.min())
            yield Breach(where(population), f"its membrane loses {leak:.3g} of itself a step", leak, 0)
        if neuron.has_current:
            yield Breach(
                where(population), f"its current keeps {neuron.alpha.max():.3g} a step", float(neuron.alpha.max()), 0
            )


@rule("E085", fix="use one value for all neurons of the population")
def parameters_are_those_of_a_layer(subject: LayersToLower, limits: SpeckProfile) -> Iterator[Breach]:
    """A layer has one threshold above 0 and one gain; biases are those of its channels."""
    constants = constants_of(subject.network)
    for population in subject.spiking:
        neuron = population.neuron
        assert neuron.threshold is not None
        for name, values in (("threshold", neuron.threshold), ("gain", neuron.gain)):
            if np.ptp(values):
                yield Breach(where(population), f"its {name} goes from {values.min():.4g} to {values.max():.4g}")
            elif values.flat[0] <= 0 or not np.isfinite(values.flat[0]):
                yield Breach(where(population), f"its {name} is {values.flat[0]:.4g}")
        by_channel = constants[population.name].reshape(population.units, -1)
        if np.ptp(by_channel, axis=1).any():
            yield Breach(where(population), "its bias differs within a channel")


@rule("E027", fix=_ADAPT)
def starts_at_zero(subject: LayersToLower, limits: SpeckProfile) -> Iterator[Breach]:
    """A membrane starts at 0."""
    for population in subject.spiking:
        start = float(np.abs(population.neuron.start).max())
        if start and population.neuron.start_value is not None:
            yield Breach(where(population), f"it starts at {start:.4g}", start, 0)


@rule("E030", fix=_ADAPT)
def resets(subject: LayersToLower, limits: SpeckProfile) -> Iterator[Breach]:
    """A spike takes the threshold off the membrane, or sets it to 0, at once."""
    for population in subject.spiking:
        neuron = population.neuron
        if neuron.reset_delay:
            yield Breach(where(population), "it resets one step late")
        elif np.any(neuron.reset_value):
            value = float(np.abs(neuron.reset_value).max())
            yield Breach(where(population), f"its membrane is reset to {value:.4g}", value, 0)


@rule("E031", fix=_ADAPT)
def fires_as_often_as_it_reaches_threshold(subject: LayersToLower, limits: SpeckProfile) -> Iterator[Breach]:
    """A neuron fires whenever its membrane reaches the threshold: the chip has no steps, of which one holds several
    spikes."""
    for population in subject.spiking:
        if population.neuron.spikes == "binary":
            yield Breach(where(population), "it fires once a step at most")


@rule(
    "E032",
    fix=f"give the one it was trained with (--floor -1; sinabs takes minus the threshold for NIR), or {_ADAPT}",
)
def membranes_have_a_lower_limit(subject: LayersToLower, limits: SpeckProfile) -> Iterator[Breach]:
    """A membrane has a lower limit, of 0 or below, on the scale of the weights; without one no weight would be left of
    it."""
    for population in subject.spiking:
        floor = population.neuron.floor
        if floor is None:
            yield Breach(where(population), "its membrane has no lower limit")
        elif floor > 0:
            yield Breach(where(population), f"its lower limit is {floor:.4g}", floor, 0)


@rule("E033", fix="code the data as events (--encoding rate), or give event counts")
def input_is_events(subject: LayersToLower, limits: SpeckProfile) -> Iterator[Breach]:
    """The input is events: numbers of spikes."""
    for port in subject.network.inputs:
        if not subject.inputs.get(port.name, InputRange()).integral:
            yield Breach(f"input {port.name!r}", "the data hold values that are not whole numbers")


@rule("N003", severity="note")
def fires_at_the_threshold(subject: LayersToLower, limits: SpeckProfile) -> Iterator[Breach]:
    """A neuron fires at its threshold."""
    for population in subject.spiking:
        if population.neuron.compare == "gt":
            yield Breach(where(population), "the source's fires beyond it")


@rule("N038", severity="note", fix="read the spikes of the last core instead of the readout")
def outputs_are_told_apart(subject: LayersToLower, limits: SpeckProfile) -> Iterator[Breach]:
    """The chip's readout tells {readout_classes} classes apart."""
    for name in subject.network.outputs:
        size = subject.network[name].size
        if size > limits.readout_classes.value:
            yield Breach(f"output {name!r}", f"it has {size}", size, limits.readout_classes.value)


def _by(extent: tuple[int, ...]) -> str:
    return " x ".join(map(str, extent))


NETWORK_RULES = (
    a_core_for_each_layer,
    one_kernel_a_layer,
    no_delays,
    one_kernel_for_all_sources,
    few_destinations,
    kernels_are_small_and_square,
    strides_and_padding,
    poolings,
    channels_are_addressed,
    no_groups_or_dilation,
    maps_are_addressed,
    the_readout_fires,
    neurons_integrate,
    parameters_are_those_of_a_layer,
    starts_at_zero,
    resets,
    fires_as_often_as_it_reaches_threshold,
    membranes_have_a_lower_limit,
    input_is_events,
    fires_at_the_threshold,
    outputs_are_told_apart,
)


def network_figures(chip: SpeckProfile) -> dict[str, str]:
    """Return the figures that fill the text of the rules of this module."""
    layers = chip.layers

    def listed(values: tuple[int, ...]) -> str:
        return ", ".join(map(str, values))

    return {
        "cores": str(chip.cores),
        "destinations": str(chip.memory.destinations.value),
        "kernel_max": str(layers.kernel_max.value),
        "padding_max": str(layers.padding_max.value),
        "channels_max": str(layers.channels_max.value),
        "strides": listed(layers.strides.value),
        "pools": listed(layers.pools.value),
        "input_map_max": str(layers.input_map_max.value),
        "output_map_max": str(layers.output_map_max.value),
        "readout_classes": str(chip.readout_classes.value),
    }
