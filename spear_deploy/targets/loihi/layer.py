"""A population with the synapses into it, as quantisation sees it: one equation for every kind of neuron.

The gain is divided out (v / gain fires at the same steps) and the reset value shifted to 0, which leaves::

    i = alpha i + w s            v = beta v + i + bias            v > theta

*Units* are what shares a scale: channels of a map, neurons of a vector.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from spear_deploy.network import Conv2d, Flatten, Linear, Neuron, Population
from spear_deploy.network.convolutions import is_disjoint
from spear_deploy.network.ops import LinearOp
from spear_deploy.network.synapses import ConvSynapses, Synapses
from spear_deploy.targets.ports import InputPort

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Layer:
    """A population with the synapses into it.

    Arrays have the population's shape; ``weights`` are those of one unit of payload, ``payloads`` the largest ones;
    ``theta`` is None for a readout; ``constant`` is what biases of the projections add to the input; ``on_grid`` says
    that training keeps all the weights on the chip's grid (:func:`is_on_grid`).
    """

    population: Population
    neuron: Neuron
    alpha: Array
    beta: Array
    theta: Array | None
    bias: Array
    constant: Array
    incoming: Sequence[Synapses]
    weights: Sequence[Array]
    payloads: Sequence[int]
    on_grid: bool = False

    @classmethod
    def of(
        cls, population: Population, constant: Array, incoming: Sequence[Synapses], ports: Mapping[str, InputPort]
    ) -> Layer:
        """Return the layer of a population; ``constant`` acts on its membrane at the current's steady state."""
        neuron, incoming = _with_one_gain(population.neuron, incoming)
        if neuron is not population.neuron:  # what biases add goes where the weights went
            constant = constant * (population.neuron.gain.astype(np.float64) / neuron.gain)
        alpha, beta = neuron.alpha.astype(np.float64), neuron.beta.astype(np.float64)
        gain, reset_value = neuron.gain.astype(np.float64), neuron.reset_value.astype(np.float64)
        return cls(
            population,
            neuron,
            alpha,
            beta,
            theta=None if neuron.threshold is None else (neuron.threshold - reset_value) / gain,
            bias=(neuron.bias - (1 - beta) * reset_value) / gain + constant / (1 - alpha),
            constant=constant,
            incoming=incoming,
            weights=[_of_payloads(s, ports) for s in incoming],
            payloads=[ports[s.source].max_value if s.source in ports else 1 for s in incoming],
        )

    @property
    def name(self) -> str:
        """Name of the population."""
        return self.population.name

    @property
    def units(self) -> int:
        """Number of units: channels of a map, neurons of a vector."""
        return self.population.units

    def by_unit(self, values: NDArray[np.generic]) -> Array:
        """Return the largest value of each unit, (units,); ``values`` have the population's shape, or are one."""
        full = np.broadcast_to(np.asarray(values, np.float64), self.population.shape)
        largest: Array = full.reshape(self.units, -1).max(axis=1)
        return largest

    def of_units(self, values: Array) -> Array:
        """Return values (units,) as an array that broadcasts to the population's shape."""
        return values.reshape(-1, *(1,) * (len(self.population.shape) - 1))

    def rows(self, values: Array, weight: NDArray[np.generic]) -> Array:
        """Return values (units,) as an array that broadcasts to a weight: a row for each channel, or each neuron."""
        return np.repeat(values, len(weight) // self.units).reshape(-1, *(1,) * (weight.ndim - 1))

    def peaks(self, weight: NDArray[np.generic]) -> Array:
        """Return the largest magnitude among the weights into each unit: (units,)."""
        by_unit = weight.reshape(self.units, -1)
        largest: Array = np.maximum(by_unit.max(axis=1, initial=0), -by_unit.min(axis=1, initial=0))
        return largest

    def worst_sums(self, weights: Sequence[NDArray[np.generic]], steps: Sequence[Array] | None = None) -> Array:
        """Return the largest |sum| that one step of spikes and payloads can cause in each unit: (units,).

        ``steps``, one for each projection, are what one of a mantissa is worth, () or of each row; weights have none.
        """
        positive, negative = np.zeros(self.population.size), np.zeros(self.population.size)
        of_one = [np.ones(())] * len(weights) if steps is None else steps
        for weight, payload, step in zip(weights, self.payloads, of_one, strict=True):
            neurons = self.population.size // len(weight)  # a kernel's channels have many
            sums = np.empty((2, len(weight)))
            for some in row_blocks(weight):
                flat = np.asarray(weight[some], np.float64).reshape(some.stop - some.start, -1)
                sums[0, some] = np.maximum(flat, 0).sum(axis=1)
                sums[1, some] = np.maximum(-flat, 0).sum(axis=1)
            sums *= np.reshape(step, -1)
            positive += np.repeat(sums[0], neurons) * payload
            negative += np.repeat(sums[1], neurons) * payload
        return self.by_unit(np.maximum(positive, negative).reshape(self.population.shape))


def is_on_grid(ops: Sequence[LinearOp]) -> bool:
    """Whether a projection's synapses are the weights of its last operation, each once in a sum.

    Training keeps these on the chip's grid; those that are composed otherwise are rounded anew in every pass.
    """
    *before, last = ops or (None,)
    return isinstance(last, Conv2d | Linear) and all(isinstance(op, Flatten) or is_disjoint(op) for op in before)


def row_blocks(weight: NDArray[np.generic]) -> Iterator[slice]:
    """Yield all rows of a weight in turn, so few at a time that what is made of them stays in the cache."""
    rows = max(1, (1 << 15) * len(weight) // max(1, weight.size))
    for start in range(0, len(weight), rows):
        yield slice(start, min(start + rows, len(weight)))


def _of_payloads(synapses: Synapses, ports: Mapping[str, InputPort]) -> Array:
    """Return the weights of one unit of payload."""
    weight = synapses.weight.astype(np.float64)
    if synapses.source in ports:
        weight /= ports[synapses.source].scale
    return weight


def _with_one_gain(neuron: Neuron, incoming: Sequence[Synapses]) -> tuple[Neuron, Sequence[Synapses]]:
    """Move the differences between the gains of a readout's neurons into the weights in front, where they can go.

    A spiking neuron's gain is divided out of its threshold; a readout has none.
    """
    largest = neuron.gain.max()
    share = neuron.gain.astype(np.float64) / largest if largest else np.ones(neuron.gain.shape)
    by_unit = share.reshape(len(share), -1)
    shared = any(isinstance(s, ConvSynapses) for s in incoming) and np.ptp(by_unit, axis=1).any()
    if not neuron.is_readout or not np.ptp(share) or shared:
        return neuron, incoming
    by_channel, by_neuron = by_unit[:, :1, None, None], share.reshape(-1, 1)
    scaled = [
        replace(s, weight=s.weight * (by_channel if isinstance(s, ConvSynapses) else by_neuron)) for s in incoming
    ]
    return replace(neuron, gain=np.full_like(neuron.gain, largest)), scaled
