"""Give a network Speck's own neuron in place of neurons that the chip does not have.

Its neuron is integrate-and-fire: no leak and no current, several spikes a step, and a reset by subtraction (or to 0) in
the step of the spike.  Its membrane has a lower limit: minus the threshold where the network has none, as sinabs'
import of NIR sets it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from spear_deploy.frontends import Semantics
from spear_deploy.frontends.semantics import Reset
from spear_deploy.network import Input, Network, Neuron, Population


def with_own_neurons(network: Network) -> Network:
    """Return the network with every neuron that fires as the chip's; populations that are so stay the same."""
    floor = _floor(network)
    return replace(network, populations=tuple(_own(population, floor) for population in network.populations))


def own_semantics(network: Network, semantics: Semantics) -> Semantics:
    """Return the semantics of such a network."""
    reset: Reset = "subtract" if semantics.reset == "subtract" else "zero"
    floor = _floor(network) if semantics.floor is None else semantics.floor
    return replace(
        semantics, reset=reset, reset_delay=False, compare="ge", spikes="integer", floor=floor, start="reset"
    )


def _floor(network: Network) -> float:
    thresholds = [p.neuron.threshold for p in network.neurons if p.neuron.threshold is not None]
    return -float(max((threshold.max() for threshold in thresholds), default=1.0))


def _own(population: Input | Population, floor: float) -> Input | Population:
    if isinstance(population, Input) or population.neuron.is_readout:
        return population
    neuron = population.neuron
    own = _integrating(neuron, floor)
    return population if own.is_alike(neuron) else replace(population, neuron=own)


def _integrating(neuron: Neuron, floor: float) -> Neuron:
    zero, one = np.zeros_like(neuron.alpha), np.ones_like(neuron.beta)
    return replace(
        neuron,
        alpha=zero,
        beta=one,
        reset_value=zero,
        reset_delay=False,
        compare="ge",
        spikes="integer",
        floor=floor if neuron.floor is None else neuron.floor,
        start_value=None,
    )
