"""Choose how the values of an input become payloads: the largest one, and what a step of it stands for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from spear_deploy.network import Input, Network
from spear_deploy.network.synapses import Synapses
from spear_deploy.targets.loihi.layer import Layer
from spear_deploy.targets.loihi.registers import Registers
from spear_deploy.targets.loihi.scaling import Setting, judge_first, largest_current
from spear_deploy.targets.observation import Observation, clip_inputs
from spear_deploy.targets.ports import InputPort, InputRange

_LEAST_PAYLOAD = 15
"""Graded input keeps four bits at least, whatever the weights behind it need."""
_ULP = 1 + 1e-12
"""So that the largest value itself, divided and multiplied again, is not beyond the range."""
_QUANTILES = (0.9999, 0.999, 0.99, 0.95, 0.9)
"""Shares of the values above 0 that a clip leaves as they are: of few samples, one value is many of all."""
_ROOMS = (4.0, 16.0, 64.0)
"""A clip may leave so many times the least quantile, too: the largest values then stay the strongest."""
_OUTLIER = 4.0
"""A clip is tried where the largest value is so many times such a quantile."""
_WORTH = 0.8
"""It has to leave no more than so much of the loss of the layers behind."""


def ports_of(
    network: Network,
    ranges: Mapping[str, InputRange],
    seen: Observation,
    incoming: Mapping[str, Sequence[Synapses]],
    registers: Registers,
) -> tuple[dict[str, InputPort], Observation]:
    """Return the ports of all inputs by name, and the ranges that are left where an input is clipped."""
    ports = {p.name: port_of(p, ranges.get(p.name, InputRange()), registers) for p in network.inputs}
    untrained = [port.name for port in network.inputs if port.resolution is None]
    for name in [name for name in untrained if ports[name].scale != 1.0]:
        behind = _Behind(network, name, ports, incoming, registers)
        port, seen = behind.clip(ports[name], seen)
        ports[name] = behind.limit(port, seen)
    return ports, seen


def port_of(port: Input, values: InputRange, registers: Registers) -> InputPort:
    """Return the port of an input as it is before anything is measured, which is all there is to one in training."""
    if port.resolution is not None and port.resolution != 1:
        scale = float(port.resolution)
        needed = max(1, int(np.rint(values.maximum * scale)))
        clipped = values.maximum if needed > registers.max_payload else None
        return InputPort(port.name, port.shape, min(needed, registers.max_payload), scale, clipped)
    if values.integral:
        return InputPort(port.name, port.shape, max(1, int(values.maximum)))
    payload = registers.max_payload
    scale = payload / values.maximum
    # A scale of 1 says that values are integers.
    return InputPort(port.name, port.shape, payload, scale if scale != 1 else float(np.nextafter(1.0, 0.0)))


@dataclass(frozen=True, eq=False)
class _Behind:
    """The layers that one graded input feeds."""

    network: Network
    name: str
    ports: Mapping[str, InputPort]
    incoming: Mapping[str, Sequence[Synapses]]
    registers: Registers

    def clip(self, port: InputPort, seen: Observation) -> tuple[InputPort, Observation]:
        """Clip the few largest values where finer steps of all others are worth more."""
        values = seen.inputs[self.name]
        largest = float(values.max(initial=0))
        if not largest or not seen.given:
            return port, seen
        quantiles = np.quantile(values[values > 0], _QUANTILES, method="lower")
        low = [float(end) for end in quantiles if largest > _OUTLIER * end]
        if not low:
            return port, seen
        ends = sorted({*low, *(min(low) * room for room in _ROOMS if largest > min(low) * room)}, reverse=True)
        best, least = (port, seen), self._loss(port, seen)
        for end in ends:
            clipped = replace(port, scale=port.max_value / end, largest=port.max_value / port.scale * _ULP)
            ranges = clip_inputs(self.network, seen, self.name, end)
            loss = self._loss(clipped, ranges)
            if loss < _WORTH * least:
                best, least = (clipped, ranges), loss
        return best

    def limit(self, port: InputPort, seen: Observation) -> InputPort:
        """Halve the payloads until full mantissas of the synapses cannot wrap a current.

        Where projections differ in strength, full mantissas of the strongest alone are often enough: those of a weak
        one, at the same scale, are rounded by no larger steps.  What loses less is taken.
        """
        fullest = [(0.0, 0.0), *(self._full_currents(layer, setting) for layer, setting in self._layers(port, seen))]
        coarse, fine = (self._halved(port, max(ends)) for ends in zip(*fullest, strict=True))
        if coarse == fine or self._judge(coarse, seen) < self._judge(fine, seen):
            return coarse
        return fine

    def _halved(self, port: InputPort, worst: float) -> InputPort:
        """Halve the payloads until a current of ``worst`` chip units is within its bound."""
        bound, payload = self.registers.arithmetic.current_bound, port.max_value
        while payload > _LEAST_PAYLOAD and worst * payload / port.max_value >= bound:
            payload //= 2
        return replace(port, max_value=payload, scale=port.scale * payload / port.max_value)

    def _layers(self, port: InputPort, seen: Observation) -> Iterator[tuple[Layer, Setting]]:
        ports = {**self.ports, self.name: port}
        delays = {projection.name: projection.delay for projection in self.network.projections}
        for population in self.network.neurons:
            incoming = self.incoming[population.name]
            if any(synapses.source == self.name for synapses in incoming):
                layer = Layer.of(population, self.network.constant_input(population.name), incoming, ports)
                yield layer, Setting(seen, ports, delays, self.registers)

    def _loss(self, port: InputPort, seen: Observation) -> float:
        return self._judge(self.limit(port, seen), seen)

    def _judge(self, port: InputPort, seen: Observation) -> float:
        return sum(judge_first(layer, setting).trial.error for layer, setting in self._layers(port, seen))

    def _full_currents(self, layer: Layer, setting: Setting) -> tuple[float, float]:
        """Return the largest current, in chip units, where this input's weakest or strongest mantissas are full."""
        peaks = [
            float(np.abs(weight).max(initial=0))
            for synapses, weight in zip(layer.incoming, layer.weights, strict=True)
            if synapses.source == self.name
        ]
        # The bit that weights of one sign save is not worth one of input.
        full = [((1 << (self.registers.weight_bits - 1)) - 1) / peak for peak in peaks if peak > 0]
        largest = float(largest_current(layer, setting).max(initial=0))
        return max(full, default=0.0) * largest, min(full, default=0.0) * largest
