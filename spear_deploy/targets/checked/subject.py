"""The subject of the rules of checked chips: fan-in, destinations and weights of each neuron."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spear_deploy.network import Conv2d, Network, Population
from spear_deploy.network.convolutions import correlate
from spear_deploy.network.neuron import Neuron
from spear_deploy.network.synapses import ConvSynapses, Synapses
from spear_deploy.targets.checked.profile import NeuronKind, ResetKind

Counts = NDArray[np.int64]
_BLOCK = 1 << 20
"""Weights that are rounded at once."""


@dataclass(frozen=True, eq=False)
class NetworkToCheck:
    """The network as the rules see it."""

    network: Network

    @cached_property
    def spiking(self) -> tuple[Population, ...]:
        """Populations that fire."""
        return tuple(p for p in self.network.neurons if not p.neuron.is_readout)

    @cached_property
    def readouts(self) -> tuple[Population, ...]:
        """Populations that never fire: their membrane is the output."""
        return tuple(p for p in self.network.neurons if p.neuron.is_readout)

    @cached_property
    def floored(self) -> tuple[Population, ...]:
        """Populations whose membranes have a lower limit."""
        return tuple(p for p in self.network.neurons if p.neuron.floor is not None)

    @cached_property
    def convolutions(self) -> tuple[ConvSynapses, ...]:
        """Projections that are convolutions, pooling composed into them."""
        return tuple(s for s in self.network.synapses if isinstance(s, ConvSynapses))

    @cached_property
    def fan_in(self) -> Mapping[str, Counts]:
        """Existing synapses of every neuron of each population, (neurons,)."""
        counts = {p.name: np.zeros(p.size, np.int64) for p in self.network.neurons}
        for synapses in self.network.synapses:
            counts[synapses.target] += fan_in(synapses, self.network.shapes[synapses.source])
        return counts

    def most_fan_in(self, name: str) -> int:
        """Return the largest number of synapses of a neuron of a population."""
        return int(self.fan_in[name].max(initial=0))

    def into(self, name: str) -> list[Synapses]:
        """Return the synapses of all projections into a population."""
        return [synapses for synapses in self.network.synapses if synapses.target == name]

    def delays(self) -> Iterator[tuple[str, int]]:
        """Yield the projections that wait longer than their place asks, which is a step in a loop: name and steps."""
        loops = [set(loop) for loop in self.network.loops]
        for each in self.network.projections:
            in_loop = any({each.source, each.target} <= loop for loop in loops)
            if each.delay > int(in_loop):
                yield each.name, each.delay


def fan_in(synapses: Synapses, shape: tuple[int, ...]) -> Counts:
    """Return the existing synapses of every target neuron of a projection from a source of ``shape``."""
    exists = np.asarray(synapses.weight) != 0
    if not isinstance(synapses, ConvSynapses):
        counted: Counts = exists.sum(axis=1).astype(np.int64)
        return counted
    taps = Conv2d(
        exists.astype(np.float64), None, synapses.stride, synapses.padding, synapses.dilation, synapses.groups
    )
    return np.rint(correlate(np.ones((1, *shape)), taps)).astype(np.int64).ravel()


def kind_of(neuron: Neuron) -> NeuronKind:
    """Return the kind of a neuron; one whose membrane grows by itself counts as leaky."""
    if neuron.has_current:
        return "cuba"
    if np.all(neuron.beta == 0):
        return "memoryless"
    return "if" if np.all(neuron.beta == 1) else "lif"


def reset_of(neuron: Neuron) -> ResetKind:
    """Return the kind of reset."""
    if neuron.reset == "subtract":
        return "subtract"
    return "value" if np.any(neuron.reset_value) else "zero"


def as_integers(weight: NDArray[Any], largest: float, bits: int) -> NDArray[np.int64]:
    """Return weights rounded to signed integers of ``bits``, the largest of a population on the largest integer."""
    most = max(1, 2 ** (bits - 1) - 1)
    integers: Counts = np.rint(np.asarray(weight, np.float64) * (most / largest)).astype(np.int64)
    return integers


def rounded(weight: NDArray[Any], largest: float, bits: int) -> Iterator[NDArray[np.int64]]:
    """Yield :func:`as_integers` of weights, some rows at a time: of a large matrix no whole copy is made."""
    rows = max(1, _BLOCK // max(1, weight[0].size)) if len(weight) else 1
    return (as_integers(weight[start : start + rows], largest, bits) for start in range(0, len(weight), rows))


def largest_weight(all_synapses: list[Synapses]) -> float:
    """Return the largest absolute weight; 0 without any."""
    weights = [s.weight for s in all_synapses if s.weight.size]
    return max((float(max(weight.max(), -weight.min())) for weight in weights), default=0.0)


def different_weights(subject: NetworkToCheck, name: str, bits: int) -> int:
    """Return the largest number of different non-zero weights of a neuron of a population."""
    into = subject.into(name)
    largest = largest_weight(into)
    if not largest:
        return 0
    return max(_most_different(part) for s in into for part in rounded(s.weight, largest, bits))


def left_over(into: list[Synapses], bits: int) -> int:
    """Return how many weights into a population are not 0 once they are rounded."""
    largest = largest_weight(into)
    if not largest:
        return 0
    return sum(int(np.count_nonzero(part)) for s in into for part in rounded(s.weight, largest, bits))


def _most_different(integers: NDArray[np.int64]) -> int:
    """Return the largest number of different non-zero values in a row."""
    rows = np.sort(integers.reshape(len(integers), -1), axis=1)
    if not rows.size:
        return 0
    steps = np.diff(rows, axis=1, prepend=rows[:, :1] - 1) != 0
    return int((steps & (rows != 0)).sum(axis=1).max(initial=0))


def weight_count(synapses: Synapses) -> int:
    """Return the weights that exist, those of a kernel once."""
    return int(np.count_nonzero(synapses.weight))


def extent(shape: tuple[int, ...]) -> tuple[int, int, int]:
    """Return a shape as that of a map: a vector is one of channels."""
    return (shape[0], shape[1], shape[2]) if len(shape) == 3 else (prod(shape), 1, 1)
