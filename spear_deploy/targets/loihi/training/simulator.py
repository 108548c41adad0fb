"""A network in training that computes what its lowered program computes: the forward of quantisation-aware training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import prod

import numpy as np
from torch import Tensor

from spear_deploy.network import Input, Network, Population
from spear_deploy.network.fan_out import FanOut, fan_outs
from spear_deploy.network.synapses import Synapses
from spear_deploy.simulate.simulator import NetworkSimulator
from spear_deploy.simulate.tensors import to_tensor
from spear_deploy.targets.loihi.inputs import port_of
from spear_deploy.targets.loihi.program import LoihiPopulation, LoihiProgram
from spear_deploy.targets.loihi.registers import Arithmetic, Registers
from spear_deploy.targets.loihi.training.cell import IntegerCell
from spear_deploy.targets.loihi.training.grid import Grid
from spear_deploy.targets.loihi.training.layer import TrainedLayer
from spear_deploy.targets.loihi.training.synapses import synapses_of
from spear_deploy.targets.ports import InputRange


class LoihiSimulator(NetworkSimulator):
    """Runs a network as the integers of its lowered program; the underlying weights and biases are trainable floats.

    Scales, exponents, decays and thresholds stay what the program has.  ``forward`` takes values that the program's
    inputs take, and gives its spikes and, in float units (float64), its readouts' membranes: to the last bit.

    Raises :class:`~spear_deploy.errors.InputError` (E039) in ``forward`` for values outside an input's range.
    """

    def __init__(
        self, network: Network, program: LoihiProgram, registers: Registers, ranges: Mapping[str, InputRange]
    ) -> None:
        lowered = {population.name: population for population in program.populations}
        structure = _as_lowered(network, program)
        ports = [port_of(port, ranges.get(port.name, InputRange()), registers) for port in structure.inputs]
        program = replace(program, inputs=tuple(ports))
        self._ports = {port.name: port for port in ports}
        cells = {p.name: IntegerCell(lowered[p.name], p.neuron, program.arithmetic) for p in structure.neurons}
        grids = _grids(structure, network.synapses, program, registers)
        chains = {name: synapses_of(grid) for name, grid in grids.items()}
        super().__init__(structure, chains, cells)
        self._layers = []
        for p in structure.neurons:
            incoming = [chains[projection.name] for projection in structure.into(p.name)]
            self._layers.append(TrainedLayer(p, lowered[p.name], cells[p.name], incoming, registers))

    def payloads(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the integers that values become, (T, B, *shape), as floats."""
        coded = {name: self._ports[name].encode(x.detach().cpu().numpy()) for name, x in inputs.items()}
        return {name: to_tensor(payload, inputs[name].device) for name, payload in coded.items()}

    def run(self, payloads: Mapping[str, Tensor], membranes: dict[str, Tensor] | None = None) -> dict[str, Tensor]:
        """Run payloads (T, B, *shape); ``membranes`` receives those of all populations."""
        self._settle()
        return super().run(payloads, membranes)

    def fan_outs(self) -> tuple[FanOut, ...]:
        """Return how many synaptic operations a spike of each neuron causes; what rounds to 0 is not a synapse."""
        self._settle()
        synapses = [self._chains[projection.name].to_synapses() for projection in self.structure.projections]
        return fan_outs(synapses, self.structure.shapes)

    def to_network(self) -> Network:
        """Return the network that is lowered to the present integers."""
        self._settle()
        return super().to_network()

    def _settle(self) -> None:
        for layer in self._layers:
            layer.settle()


def _grids(
    network: Network, composed: Sequence[Synapses], program: LoihiProgram, registers: Registers
) -> dict[str, Grid]:
    """Return what the program fixes of each projection, by name; ``composed`` are the projections' synapses."""
    ports = {port.name: port for port in program.inputs}
    lowered = {projection.synapses.name: projection for projection in program.projections}
    grids = {}
    for projection, synapses in zip(network.projections, composed, strict=True):
        target, port = network[projection.target], ports.get(projection.source)
        assert isinstance(target, Population)
        scale = np.broadcast_to(np.asarray(program.population(target.name).scale, np.float64), target.shape)
        if target.neuron.is_readout:  # differences between its gains are moved into the weights
            scale = scale * (target.neuron.gain.astype(np.float64) / target.neuron.gain.max())
        grids[projection.name] = Grid(
            projection,
            synapses,
            network[projection.source].shape,
            scale,
            payload_scale=port.scale if port else 1.0,
            payload=port.max_value if port else 1,
            exponent=lowered[projection.name].exponent,
            raised=lowered[projection.name].raised,
            registers=registers,
        )
    return grids


def _as_lowered(network: Network, program: LoihiProgram) -> Network:
    """Return the network with the decays and thresholds that the program has, and its scales as resolutions."""
    scales = {port.name: np.asarray(port.scale, np.float64) for port in program.inputs}
    populations: list[Input | Population] = []
    for population in network.populations:
        if isinstance(population, Input):
            populations.append(replace(population, resolution=scales[population.name]))
        else:
            lowered = program.population(population.name)
            populations.append(_population_as_lowered(population, lowered, program.arithmetic))
    return replace(network, populations=tuple(populations))


def _population_as_lowered(population: Population, lowered: LoihiPopulation, arithmetic: Arithmetic) -> Population:
    neuron, unit, scale = population.neuron, arithmetic.decay_unit, np.asarray(lowered.scale, np.float64)

    def full(values: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(np.broadcast_to(values, population.shape), np.float32)

    threshold = None
    if neuron.threshold is not None:
        theta = full(lowered.vth).astype(np.float64) / scale
        threshold = full(theta * neuron.gain + neuron.reset_value)
    alpha, beta = full(1 - (lowered.du + 1.0) / unit), full(1 - lowered.dv / unit)
    own = replace(neuron, alpha=alpha, beta=beta, threshold=threshold, compare=lowered.compare)
    return replace(population, neuron=own, resolution=_by_unit(scale))


def _by_unit(scale: np.ndarray) -> np.ndarray:
    """Return one value for each unit where they share it: () or (units, 1, ...)."""
    if scale.ndim < 2 or not np.ptp(scale.reshape(len(scale), prod(scale.shape[1:])), axis=1).any():
        return scale if scale.ndim < 2 else scale.reshape(len(scale), -1)[:, :1].reshape(-1, *(1,) * (scale.ndim - 1))
    return scale
