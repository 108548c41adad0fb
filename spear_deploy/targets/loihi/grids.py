"""What Loihi's integers mean: weights and membranes in the float network's units (docs/fixed-point.md)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spear_deploy.network import Network, Neuron, Population
from spear_deploy.network.synapses import ConvSynapses, Synapses
from spear_deploy.targets.grids import Array, Grid, Grids
from spear_deploy.targets.loihi.program import LoihiPopulation, LoihiProgram, by_row
from spear_deploy.targets.loihi.registers import Registers


def grids_of(network: Network, program: LoihiProgram, registers: Registers) -> Grids:
    """Return the grids of a network's program."""
    originals = {synapses.name: synapses for synapses in network.synapses}
    payloads = {port.name: port.scale for port in program.inputs}
    weights = {}
    for projection in program.projections:
        original = originals[projection.synapses.name]
        neuron, population = _neuron(network, original.target), program.population(original.target)
        unit = payloads.get(original.source, 1.0) / (np.asarray(population.scale) * _share(neuron, original))
        exponents = by_row(projection.exponents, original.weight)
        step = np.ldexp(_by_target(unit, population, original), exponents)
        weights[original.name] = Grid(step, registers.max_mantissa(original.weight))
    return Grids(weights, {p.name: _membranes(_neuron(network, p.name), p, registers) for p in program.populations})


def _neuron(network: Network, name: str) -> Neuron:
    population = network[name]
    assert isinstance(population, Population)
    return population.neuron


def _membranes(neuron: Neuron, population: LoihiPopulation, registers: Registers) -> Grid:
    """A gain is divided out of the integers, and the reset value is their zero; readouts share the largest gain."""
    gain = neuron.gain.max() if neuron.is_readout else neuron.gain
    step = np.ldexp(np.asarray(gain, np.float64) / population.scale, -registers.arithmetic.shift)
    return Grid(step, registers.arithmetic.limit, neuron.reset_value.astype(np.float64))


def _share(neuron: Neuron, synapses: Synapses) -> Array:
    """Return the gain that was moved into the weights, as quantisation does: that of readouts, relative to the largest.

    It stays where it was in front of maps whose pixels differ.
    """
    gain = neuron.gain.astype(np.float64)
    varies = bool(np.ptp(gain.reshape(len(gain), -1), axis=1).any())
    if not neuron.is_readout or not gain.max() or (varies and isinstance(synapses, ConvSynapses)):
        return np.ones(())
    share: Array = gain / gain.max()
    return np.where(share == 0, 1.0, share)


def _by_target(values: NDArray[np.float64], population: LoihiPopulation, synapses: Synapses) -> Array:
    """Return one value for each neuron so that it broadcasts to the weights: of each row, or of each channel."""
    if not np.ptp(values):
        return np.asarray(values.reshape(-1)[0])
    full = np.broadcast_to(values, population.shape)
    return full[:, :1, :1, None] if isinstance(synapses, ConvSynapses) else full.reshape(-1, 1)
