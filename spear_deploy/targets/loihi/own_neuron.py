"""Give a network Loihi's own, built-in neuron in place of neurons that the chip does not have.

What the built-in neuron lacks: resets other than to a value in the step of the spike, several spikes a step, a lower
clip of the membrane, another membrane to start from than the one that it is reset to.
"""

from __future__ import annotations

from dataclasses import replace

from spear_deploy.frontends import Semantics
from spear_deploy.network import Input, Network, Neuron, Population


def with_own_neurons(network: Network) -> Network:
    """Return the network with every neuron as the chip's built-in one; populations that are so stay the same."""
    return replace(network, populations=tuple(_built_in(population) for population in network.populations))


def own_semantics(semantics: Semantics) -> Semantics:
    """Return the semantics of such a network."""
    reset = "zero" if semantics.reset == "subtract" else semantics.reset
    return replace(semantics, reset=reset, reset_delay=False, spikes="binary", floor=None, start="reset")


def _built_in(population: Input | Population) -> Input | Population:
    if isinstance(population, Input) or not _departs(population.neuron):
        return population
    own = replace(population.neuron, reset="value", reset_delay=False, spikes="binary", floor=None, start_value=None)
    return replace(population, neuron=own)


def _departs(neuron: Neuron) -> bool:
    if neuron.is_readout:
        return False
    clipped_or_lifted = neuron.floor is not None or neuron.start_value is not None
    return neuron.reset != "value" or neuron.reset_delay or neuron.spikes != "binary" or clipped_or_lifted
