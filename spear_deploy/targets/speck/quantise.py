"""Floats to integers as sinabs' ``discretize`` does it: one scale for the weights, bias and thresholds of a layer.

All in float32, so that every bit is sinabs' (backends/speck proves it)::

    scale(a, bits) = largest / max(a)   if |min(a)| <= |max(a)| * |least| / largest,   else |least| / |min(a)|
    S = min(scale(weights, 8), scale(bias, 8), scale((low, threshold), 16))
    integer = rint(S * float)                                                  half to even

with largest = 2^(bits - 1) - 1 and least = -2^(bits - 1).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spear_deploy.network import Network
from spear_deploy.targets.grids import Grid, Grids
from spear_deploy.targets.ports import InputPort, InputRange
from spear_deploy.targets.rules import Breach, rule
from spear_deploy.targets.speck.layers import Layer, constants_of
from spear_deploy.targets.speck.profile import SpeckProfile, Words
from spear_deploy.targets.speck.program import Originals, Source, SpeckLayer, SpeckProgram

Float = NDArray[np.float32]

_NOTICEABLE_ZEROS = 0.25
"""Share of a layer's weights that are told where they round to zero."""


def scale_of(values: Float, bits: int) -> np.float32:
    """Return the largest factor that keeps values within this many bits; infinite if all are 0."""
    least, largest = np.float32(-(2 ** (bits - 1))), np.float32(2 ** (bits - 1) - 1)
    low, high = values.min(), values.max()
    with np.errstate(divide="ignore"):
        if abs(low) <= abs(high) * np.float32(abs(least / largest)):
            return np.float32(abs(largest / high))
        return np.float32(abs(least / low))


@dataclass(frozen=True)
class Scales:
    """The factor that each part of a layer would allow; the least of them is the layer's."""

    weight: float
    bias: float
    thresholds: float

    @property
    def of_layer(self) -> float:
        """The layer's factor."""
        return min(self.weight, self.bias, self.thresholds)


def scales_of(original: Originals, words: Words) -> Scales:
    """Return the factors of a layer."""
    bias = np.zeros(1, np.float32) if original.bias is None else original.bias
    thresholds = np.array([original.low, original.threshold], np.float32)
    parts = ((original.weight, words.weight_bits), (bias, words.bias_bits), (thresholds, words.threshold_bits))
    return Scales(*(float(scale_of(values, width.value)) for values, width in parts))


def originals_of(network: Network, layers: Sequence[Layer]) -> dict[str, Originals]:
    """Return what the integers of each layer are made of: the gain in the weights, an all-zero bias left out."""
    constants = constants_of(network)
    found = {}
    for layer in layers:
        neuron, kernel = layer.population.neuron, layer.feeds[0].kernel
        assert neuron.threshold is not None
        assert neuron.floor is not None
        assert kernel is not None
        gain = neuron.gain.flat[0]
        weight = kernel.weight if gain == 1 else kernel.weight * gain
        bias = constants[layer.name].reshape(layer.population.units, -1)[:, 0].astype(np.float32)
        low, threshold = float(np.float32(neuron.floor)), float(neuron.threshold.flat[0])
        found[layer.name] = Originals(weight, bias if np.any(bias) else None, threshold, low)
    return found


def quantise(
    network: Network,
    layers: Sequence[Layer],
    chip: SpeckProfile,
    inputs: Mapping[str, InputRange],
    cores: Mapping[str, int],
) -> SpeckProgram:
    """Quantise a network that keeps all rules; ``cores`` has the core of each layer."""
    originals = originals_of(network, layers)
    ports = (InputPort(p.name, p.shape, max(1, int(inputs.get(p.name, InputRange()).maximum))) for p in network.inputs)
    populations = (_layer(layer, originals[layer.name], chip.words, cores[layer.name]) for layer in layers)
    return SpeckProgram(chip.name, tuple(ports), tuple(populations), network.outputs)


def _layer(layer: Layer, original: Originals, words: Words, core: int) -> SpeckLayer:
    scale = np.float32(scales_of(original, words).of_layer)

    def integers(values: Float) -> NDArray[np.int32]:
        rounded: NDArray[np.int32] = np.rint(values * scale).astype(np.int32)
        return rounded

    low, threshold = integers(np.array([original.low, original.threshold], np.float32))
    kernel = layer.feeds[0].kernel
    assert kernel is not None
    return SpeckLayer(
        name=layer.name,
        shape=layer.population.shape,
        core=core,
        sources=tuple(Source(f.projection.name, f.projection.source, f.pool[0]) for f in layer.feeds),
        weight=integers(original.weight),
        bias=None if original.bias is None else integers(original.bias),
        stride=kernel.stride,
        padding=kernel.padding,
        threshold=int(threshold),
        low=int(low),
        reset="subtract" if layer.population.neuron.reset == "subtract" else "zero",
        scale=float(scale),
        originals=original,
    )


def grids_of(network: Network, program: SpeckProgram, words: Words) -> Grids:
    """Return what the integers stand for; a gain of the neurons is part of them."""
    weights, membranes = {}, {}
    largest, highest = (2 ** (width.value - 1) - 1 for width in (words.weight_bits, words.threshold_bits))
    for layer in program.populations:
        gain = float(network[layer.name].neuron.gain.flat[0])  # type: ignore[union-attr]
        for source in layer.sources:
            weights[source.projection] = Grid(np.asarray(1 / (layer.scale * gain)), largest)
        membranes[layer.name] = Grid(np.asarray(1 / layer.scale), highest)
    return Grids(weights, membranes)


# What is told of the integers


@rule("E034", fix="scale the network's threshold and limits with its weights, or retrain with smaller biases")
def thresholds_are_steps(subject: SpeckProgram, limits: SpeckProfile) -> list[Breach]:
    """A threshold is 1 step at least, on the scale that it shares with the weights."""
    return [
        Breach(f"population {layer.name!r}", f"it is rounded to {layer.threshold}", layer.threshold, 1, at_least=True)
        for layer in subject.populations
        if layer.threshold < 1
    ]


@rule("N035", severity="note", fix="retrain with a smaller bias, lower limit or threshold relative to the weights")
def the_weights_set_the_scale(subject: SpeckProgram, limits: SpeckProfile) -> list[Breach]:
    """A layer has one scale: a bias beyond {weight_bits} bits of it, or a threshold beyond {threshold_bits}, takes
    levels from the weights."""
    breaches = []
    most = 2 ** (limits.words.weight_bits.value - 1) - 1
    for layer in subject.populations:
        scales, largest = scales_of(layer.originals, limits.words), int(np.abs(layer.weight).max(initial=0))
        if scales.of_layer < scales.weight:
            part = "bias" if scales.bias <= scales.thresholds else "lower limit or threshold"
            found = f"its {part} leaves the weights {largest} of {most} levels"
            breaches.append(Breach(f"population {layer.name!r}", found, largest, most, at_least=True))
    return breaches


@rule("N021", severity="note", fix="retrain with a limit on the largest weights")
def weights_are_kept(subject: SpeckProgram, limits: SpeckProfile) -> list[Breach]:
    """A weight has {weight_bits} bits, on the one scale of its layer: those far below the largest round to zero."""
    breaches = []
    for layer in subject.populations:
        total = np.count_nonzero(layer.originals.weight)
        zeros = np.count_nonzero((layer.originals.weight != 0) & (layer.weight == 0))
        if zeros > _NOTICEABLE_ZEROS * total:
            found = f"{zeros:,} of its {total:,} weights round to zero ({zeros / total:.0%})"
            breaches.append(Breach(f"population {layer.name!r}", found, zeros / total, _NOTICEABLE_ZEROS))
    return breaches


@rule("N036", severity="note", fix="train with a threshold above the largest weight where that matters")
def one_spike_an_event(subject: SpeckProgram, limits: SpeckProfile) -> list[Breach]:
    """Whether a neuron fires twice for one event, where it holds two thresholds, is not published: emulated is one
    spike."""
    breaches = []
    for layer in subject.populations:
        largest = int(layer.weight.max(initial=0))
        if largest > layer.threshold:
            found = f"its largest weight is {largest}, its threshold {layer.threshold}"
            breaches.append(Breach(f"population {layer.name!r}", found, largest, layer.threshold))
    return breaches


@rule("N037", severity="note", fix="train without biases: a leak is dense and costs power in every neuron")
def biases_tick(subject: SpeckProgram, limits: SpeckProfile) -> list[Breach]:
    """A bias is added on a slow clock of the chip: emulated once a step of the data, in front of its events."""
    return [
        Breach(f"population {layer.name!r}", f"{np.count_nonzero(layer.bias)} of {layer.bias.size} biases act")
        for layer in subject.populations
        if layer.bias is not None
    ]


PROGRAM_RULES = (thresholds_are_steps, the_weights_set_the_scale, weights_are_kept, one_spike_an_event, biases_tick)


def word_figures(chip: SpeckProfile) -> dict[str, str]:
    """Return the figures that fill the text of the rules of this module."""
    words = chip.words
    return {"weight_bits": str(words.weight_bits.value), "threshold_bits": str(words.threshold_bits.value)}
