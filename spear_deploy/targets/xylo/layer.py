"""A population with the synapses into it, as Xylo's equations take it, in float::

    i = a (i + w s)          v = b v + i + bias          v >= theta

The chip lets a new spike decay in the step in which it arrives, so that weights are divided by that first decay; the
gain of the network's neuron is multiplied into them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spear_deploy.network import Network, Population
from spear_deploy.network.synapses import DenseSynapses
from spear_deploy.targets.xylo.registers import Registers, kept, nearest_dash

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Layer:
    """One population: arrays are (n,), weights of each of its ``incoming`` projections (n, m).

    ``gain`` is what a weight of the network is multiplied by; ``of_constant`` what the biases of projections, which
    feed the current, are multiplied by on the membrane: they act at the current's steady state there.
    """

    population: Population
    dash_syn: NDArray[np.int32]
    dash_mem: NDArray[np.int32]
    theta: Array
    gain: Array
    of_constant: Array
    bias: Array
    incoming: Sequence[DenseSynapses]
    weights: Sequence[Array]

    @classmethod
    def of(cls, population: Population, network: Network, registers: Registers) -> Layer:
        """Return the layer of a population of a network that the rules let pass."""
        neuron, name = population.neuron, population.name
        assert neuron.threshold is not None
        alpha, beta, gain = (a.astype(np.float64).reshape(-1) for a in (neuron.alpha, neuron.beta, neuron.gain))
        dash_syn = nearest_dash(alpha, 1, registers.max_decay)
        dash_mem = nearest_dash(beta, 0, registers.max_decay)
        gain = gain / kept(dash_syn)
        of_constant = neuron.gain.astype(np.float64).reshape(-1) / (1 - kept(dash_syn))
        constant = network.constant_input(name).reshape(-1)
        incoming = [s for s in network.synapses if s.target == name and isinstance(s, DenseSynapses)]
        return cls(
            population,
            dash_syn,
            dash_mem,
            theta=neuron.threshold.astype(np.float64).reshape(-1),
            gain=gain,
            of_constant=of_constant,
            bias=neuron.bias.astype(np.float64).reshape(-1) + of_constant * constant,
            incoming=incoming,
            weights=[s.weight * gain[:, None] for s in incoming],
        )

    @property
    def name(self) -> str:
        """Name of the population."""
        return self.population.name

    def peak(self, sources: frozenset[str], *, among: bool) -> Array:
        """Return the largest weight into each neuron from (``among``) some sources, or from all others: (n,)."""
        largest = np.zeros(len(self.theta))
        for synapses, weight in zip(self.incoming, self.weights, strict=True):
            if (synapses.source in sources) == among and weight.size:
                largest = np.maximum(largest, np.abs(weight).max(axis=1))
        return largest


def layers_of(network: Network, registers: Registers) -> tuple[Layer, ...]:
    """Return a network's layers in the order of the chip's neurons: the hidden ones before the outputs.

    Of the hidden ones those that inputs feed come first and those that outputs read last, since some chips let inputs
    reach only the first neurons, and outputs read only the last.
    """
    inputs, outputs = {port.name for port in network.inputs}, set(network.outputs)

    def rank(population: Population) -> tuple[bool, bool, bool]:
        fed = any(p.source in inputs for p in network.into(population.name))
        read = any(p.target in outputs for p in network.out_of(population.name))
        return population.name in outputs, not fed, read

    return tuple(Layer.of(population, network, registers) for population in sorted(network.neurons, key=rank))
