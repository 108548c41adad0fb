"""From layers and their scales to the program's integers: a pure function, the one that training goes through too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from spear_deploy.network import Network
from spear_deploy.network.synapses import DenseSynapses
from spear_deploy.targets.ports import InputPort
from spear_deploy.targets.xylo.layer import Layer, layers_of
from spear_deploy.targets.xylo.program import Shifts, XyloPopulation, XyloProgram
from spear_deploy.targets.xylo.registers import Registers
from spear_deploy.targets.xylo.timing import timing_of

Array = NDArray[np.float64]
Scales = Mapping[str, Array]
"""Chip units of the membrane per float unit, (n,) by population."""


def round_network(
    network: Network, layers: Sequence[Layer], scales: Scales, shifts: Shifts, registers: Registers
) -> XyloProgram:
    """Return the program of a network's layers, of no chip yet; what a register does not hold is clipped."""
    depths = timing_of(network).depths
    ports = tuple(InputPort(port.name, port.shape, registers.max_events) for port in network.inputs)
    populations = tuple(
        _round_population(layer, scales[layer.name], layer.name in network.outputs, depths[layer.name], registers)
        for layer in layers
    )
    program = XyloProgram("", ports, populations, (), shifts, network.outputs, registers.arithmetic)
    synapses = {}
    for layer in layers:
        for each, weight in zip(layer.incoming, layer.weights, strict=True):
            step = np.ldexp(1.0, program.shift_of(each))
            largest = registers.max_mantissa
            mantissas = np.clip(np.rint(weight * (scales[layer.name][:, None] / step)), -largest, largest)
            synapses[each.name] = DenseSynapses(each.name, each.source, each.target, mantissas.astype(np.int32))
    return replace(program, synapses=tuple(synapses[projection.name] for projection in network.projections))


def round_trained(network: Network, registers: Registers) -> XyloProgram | None:
    """Return the program of a network that carries the scales that it was trained with; None where it does not.

    Shifts are the least ones that hold its weights, as far as the chip goes.  None, too, where thresholds do not fit at
    these scales: they are another chip's.
    """
    layers = layers_of(network, registers)
    scales = {}
    for layer in layers:
        resolution = layer.population.resolution
        if resolution is None:
            return None
        scales[layer.name] = np.array(np.broadcast_to(resolution, layer.population.shape)).reshape(-1)
        integers = thresholds(layer, scales[layer.name])
        if integers.min() < 1 or integers.max() > registers.arithmetic.limit:
            return None
    return round_network(network, layers, scales, least_shifts(network, layers, scales, registers), registers)


def least_shifts(network: Network, layers: Sequence[Layer], scales: Scales, registers: Registers) -> Shifts:
    """Return the least shifts at which the mantissas of all weights are in range, or the chip's largest."""
    inputs = frozenset(port.name for port in network.inputs)
    outputs = [layer for layer in layers if layer.name in network.outputs]
    hidden = [layer for layer in layers if layer.name not in network.outputs]

    def least(some: Sequence[Layer], *, from_inputs: bool) -> int:
        peaks = [(layer.peak(inputs, among=from_inputs) * scales[layer.name]).max(initial=0.0) for layer in some]
        shift, peak = 0, max(peaks, default=0.0)
        while shift < registers.max_shift and np.rint(np.ldexp(peak, -shift)) > registers.max_mantissa:
            shift += 1
        return shift

    return Shifts(least(hidden, from_inputs=True), least(hidden, from_inputs=False), least(outputs, from_inputs=False))


def thresholds(layer: Layer, scale: Array) -> Array:
    """Return the integers at which neurons fire that fire beyond their threshold, or at it: (n,)."""
    exact = layer.theta * scale
    nearest = np.rint(exact)
    exact = np.where(np.abs(exact - nearest) < _ROUNDING * nearest, nearest, exact)
    fires: Array = np.ceil(exact) if layer.population.neuron.compare == "ge" else np.floor(exact) + 1
    return fires


_ROUNDING = 1e-6
"""By how much the product of a threshold and a scale that was made for it may be off."""


def _round_population(layer: Layer, scale: Array, is_output: bool, depth: int, registers: Registers) -> XyloPopulation:
    limit = registers.arithmetic.limit
    return XyloPopulation(
        layer.name,
        layer.population.shape,
        is_output,
        depth,
        scale,
        layer.dash_syn,
        layer.dash_mem,
        threshold=np.clip(thresholds(layer, scale), 1, limit).astype(np.int32),
        bias=np.clip(np.rint(layer.bias * scale), -limit, limit).astype(np.int32),
    )
