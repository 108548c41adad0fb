"""Try one layer on the emulator, fed with the spikes of the float network: what its own rounding costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spear_deploy.targets.loihi.layer import Layer
from spear_deploy.targets.loihi.program import LoihiProgram, LoihiProjection
from spear_deploy.targets.loihi.registers import Registers
from spear_deploy.targets.loihi.rounding import Integers, fires_otherwise, to_population
from spear_deploy.targets.observation import Observation
from spear_deploy.targets.ports import InputPort

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Trial:
    """The effect of a layer's rounding on each of its units, (units,): the share of its output that is wrong.

    Of spikes: the mean over time of how many spikes it is behind or ahead, as a share of all its spikes.  Of a
    readout: the root mean square error of its membrane, as a share of the membrane's own root mean square.
    ``weights`` are those shares' own; ``at_threshold`` counts how often a membrane that should fire there was at its
    threshold and did not.
    """

    errors: Array
    weights: Array
    at_threshold: int = 0

    @property
    def error(self) -> float:
        """The error of all units together."""
        total = float(self.weights.sum())
        return float((self.errors * self.weights).sum()) / total if total else float(self.errors.sum())


def try_layer(
    layer: Layer,
    integers: Integers,
    observation: Observation,
    ports: Mapping[str, InputPort],
    delays: Mapping[str, int],
    registers: Registers,
) -> Trial:
    """Run a layer alone, fed with what its sources sent in float; ``delays`` of the projections are the network's."""
    from spear_deploy.targets.loihi.emulator.emulator import LoihiEmulator

    fed, projections = {}, []
    scale, mantissas = integers.scale, integers.mantissas
    parts = zip(layer.incoming, scale.exponents, scale.rises(), mantissas, strict=True)
    for index, (synapses, exponent, raised, mantissa) in enumerate(parts):
        name, port = f"{index}", ports.get(synapses.source)
        values = observation.sent[synapses.source]
        # A population of one's own feeds itself with what it sent in float: rounding is judged a step at a time.
        fed[name] = (_port_of(port, name, values), port.encode(values) if port else values.astype(np.uint8))
        moved = replace(synapses, source=name, weight=mantissa)
        projections.append(LoihiProjection(moved, exponent, delays[synapses.name], raised))
    population = to_population(layer, integers, 1, registers)
    inputs = tuple(port for port, _ in fed.values())
    if not inputs:
        inputs = (InputPort("none", (1,), 1),)
        steps, samples = observation.sent[layer.name].shape[:2]
        fed["none"] = (inputs[0], np.zeros((steps, samples, 1), np.uint8))
    program = LoihiProgram("", inputs, (population,), tuple(projections), (layer.name,), registers.arithmetic)
    fires_at = fires_otherwise(layer, integers)
    recording = LoihiEmulator(program).run({name: x for name, (_, x) in fed.items()}, membranes=fires_at)
    trial = _compare(layer, integers, recording.output(layer.name), observation.sent[layer.name], registers)
    if not fires_at:
        return trial
    threshold = population.vth.astype(np.int64) << registers.arithmetic.shift
    return replace(trial, at_threshold=int(np.count_nonzero(recording.membrane[layer.name] == threshold)))


def _port_of(port: InputPort | None, name: str, values: NDArray[np.generic]) -> InputPort:
    return replace(port, name=name) if port else InputPort(name, values.shape[2:], 1)


def _compare(layer: Layer, integers: Integers, chip: NDArray[Any], wanted: NDArray[Any], registers: Registers) -> Trial:
    """Compare what a layer sent on the chip and in float, (T, B, *shape)."""
    steps = len(chip)
    axes = (0, *range(2, chip.ndim - 1))
    if layer.theta is None:
        unit = np.ldexp(layer.of_units(integers.scale.per_unit), registers.arithmetic.shift)
        float_membrane = (wanted - layer.neuron.reset_value) / np.where(layer.neuron.gain == 0, 1, layer.neuron.gain)
        wrong = np.moveaxis((chip / unit - float_membrane) ** 2, 2, -1).sum(axis=axes).sum(axis=0)
        right = np.moveaxis(float_membrane.astype(np.float64) ** 2, 2, -1).sum(axis=axes).sum(axis=0)
        return Trial(np.sqrt(wrong / np.maximum(right, 1e-30)), np.sqrt(right))
    behind = np.abs(np.cumsum(chip.astype(np.int32) - wanted.astype(np.int32), axis=0))
    wrong = np.moveaxis(behind, 2, -1).sum(axis=axes).sum(axis=0) / steps
    right = np.moveaxis(wanted, 2, -1).sum(axis=axes).sum(axis=0).astype(np.float64)
    return Trial(wrong / np.maximum(right, 1.0), np.maximum(right, 1.0))
