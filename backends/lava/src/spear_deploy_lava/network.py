"""Builds the Lava processes of a program.

Imports Lava: only for processes in which :func:`spear_deploy_lava.compat.import_lava` was called.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from lava.magma.core.process.ports.ports import AbstractPort
from lava.magma.core.process.process import AbstractProcess
from lava.proc.conv.process import Conv
from lava.proc.dense.process import Dense
from lava.proc.lif.process import LIFReset
from lava.utils.weightutils import SignMode, determine_sign_mode

from spear_deploy_lava import layout
from spear_deploy_lava.inputs import Inputs
from spear_deploy_lava.processes.late_lif import LateLIF
from spear_deploy_lava.processes.late_subtracting_lif import LateSubtractingLIF
from spear_deploy_lava.processes.readout import Readout
from spear_deploy_lava.processes.relay import Relay
from spear_deploy_lava.processes.silence import Silence
from spear_deploy_lava.processes.sink import Sink
from spear_deploy_lava.processes.source import DataSource
from spear_deploy_lava.processes.subtracting_lif import SubtractingLIF
from spear_deploy_lava.processes.wide_conv import WideConv
from spear_deploy_lava.program import Convolution, Neurons, Population, Program, Projection
from spear_deploy_lava.records import shared_array

_LARGEST_IN_CONV = 127
"""Lava's model of Conv keeps its geometry in int8."""

_SPIKING = {
    ("value", False): LIFReset,
    ("value", True): LateLIF,
    ("subtract", False): SubtractingLIF,
    ("subtract", True): LateSubtractingLIF,
}
"""The process of neurons that fire, by what their spikes do to v and whether they do so late."""


@dataclass(frozen=True)
class Network:
    """Connected Lava processes and what they record, flattened in C, H, W order.

    ``records`` are (samples * steps, ...): packed uint8 spikes of lif populations, int32 potentials
    of readouts.  ``neurons`` are the processes of both.
    """

    anchor: AbstractProcess
    neurons: Mapping[str, AbstractProcess]
    records: Mapping[str, npt.NDArray[Any]]


def build(program: Program, inputs: Inputs, clock: npt.NDArray[np.int64]) -> Network:
    """Build the network that runs all samples in one go.

    A population of level k is reset before global step ``n * steps + k + 1``, the first step of sample
    n that can reach it.  ``clock[0]``, in shared memory, counts the steps of the first input.
    """
    clocks = [clock, *(np.zeros_like(clock) for _ in program.inputs[1:])]
    sources = {
        population.name: DataSource(data=_stream(population, inputs), clock=own)
        for population, own in zip(program.inputs, clocks, strict=True)
    }
    neurons: dict[str, AbstractProcess] = {}
    records: dict[str, npt.NDArray[Any]] = {}
    for population in program.populations.values():
        if population.neurons is not None:
            neuron = _neuron(population, population.neurons, inputs.steps)
            record = _record(population, inputs)
            sink = Sink(shape=layout.lava_shape(population.shape), record=record, level=population.level)
            neuron.s_out.connect(sink.a_in)
            neurons[population.name], records[population.name] = neuron, record

    outputs = {name: process.s_out for name, process in {**sources, **neurons}.items()}
    relayed: dict[tuple[str, int, int], AbstractPort] = {}
    for projection in program.projections:
        key = (projection.source, projection.delay, program.lag(projection))
        if key not in relayed:
            relayed[key] = _relayed(program, projection, outputs[projection.source], inputs.steps)
        _connect(program, projection, relayed[key], neurons[projection.target])

    first = program.inputs[0]
    for name in _out_of_reach(program, first.name):
        silence = Silence(
            source=layout.lava_shape(first.shape), target=layout.lava_shape(program.populations[name].shape)
        )
        outputs[first.name].connect(silence.s_in)
        silence.a_out.connect(neurons[name].a_in)
    return Network(sources[first.name], neurons, records)


def _stream(population: Population, inputs: Inputs) -> npt.NDArray[Any]:
    values = layout.to_lava(inputs.values[population.name], leading=2)
    return values.reshape(inputs.samples * inputs.steps, *values.shape[2:])


def _record(population: Population, inputs: Inputs) -> npt.NDArray[Any]:
    total = inputs.samples * inputs.steps
    if population.kind == "readout":
        return shared_array((total, population.size), np.int32)
    return shared_array((total, (population.size + 7) // 8), np.uint8)


def _neuron(population: Population, neurons: Neurons, steps: int) -> AbstractProcess:
    options: dict[str, Any] = {
        "shape": layout.lava_shape(population.shape),
        "du": layout.parameter(neurons.du),
        "dv": layout.parameter(neurons.dv),
        "bias_mant": layout.parameter(neurons.bias_mant),
        "bias_exp": layout.parameter(neurons.bias_exp),
        "reset_interval": steps,
        "reset_offset": population.level + 1,
    }
    if population.kind == "readout":
        return Readout(**options)
    neuron = _SPIKING[neurons.reset, neurons.late](vth=layout.parameter(neurons.vth), **options)
    neuron.proc_params["at_threshold"] = neurons.compare == "ge"
    return neuron


def _relayed(program: Program, projection: Projection, port: AbstractPort, steps: int) -> AbstractPort:
    """Return where to fetch the spikes that the projection is to see; loops do not block, since synapses send first."""
    lag = program.lag(projection)
    if projection.delay == lag == 0:
        return port
    level = program.populations[projection.source].level
    relay = Relay(shape=port.shape, delay=projection.delay, level=level, interval=steps, lag=lag)
    port.connect(relay.s_in)
    return relay.s_out


def _connect(program: Program, projection: Projection, port: AbstractPort, target: AbstractProcess) -> None:
    source_shape = program.populations[projection.source].shape
    target_shape = program.populations[projection.target].shape
    largest = program.populations[projection.source].max_value
    message_bits = largest.bit_length() if largest > 1 else 0
    if projection.convolution is not None:
        synapses = _convolution(projection, projection.convolution, layout.lava_shape(source_shape), message_bits)
        port.connect(synapses.s_in)
        synapses.a_out.connect(target.a_in)
        return
    for part in _parts(projection):
        synapses = _dense(part, target_shape, source_shape, message_bits)
        _reshaped(port, synapses.s_in.shape).connect(synapses.s_in)
        _reshaped(synapses.a_out, target.a_in.shape).connect(target.a_in)


def _parts(projection: Projection) -> Iterator[Projection]:
    """Yield the rows of each exponent, among rows of zeros: Lava's Dense has one exponent."""
    rows = np.broadcast_to(projection.weight_exp, projection.weight.shape[:1])
    for exponent in np.unique(projection.weight_exp):
        weight = np.where(rows[:, None] == exponent, projection.weight, 0)
        yield replace(projection, weight=weight, weight_exp=exponent)


def _convolution(
    projection: Projection, geometry: Convolution, input_shape: tuple[int, ...], message_bits: int
) -> AbstractProcess:
    kernel = projection.weight.shape[2:]
    largest = max(*kernel, *geometry.stride, *geometry.padding, *geometry.dilation, geometry.groups)
    kind = Conv if largest <= _LARGEST_IN_CONV else WideConv
    return kind(
        # Lava's Conv ignores weight_exp.
        weight=layout.convolution_weight(projection.weight) << projection.weight_exp.reshape(-1, 1, 1, 1),
        input_shape=input_shape,
        stride=geometry.stride[::-1],
        padding=geometry.padding[::-1],
        dilation=geometry.dilation[::-1],
        groups=geometry.groups,
        num_message_bits=message_bits,
    )


def _dense(
    projection: Projection, target: tuple[int, ...], source: tuple[int, ...], message_bits: int
) -> AbstractProcess:
    weight = layout.dense_weight(projection.weight, target, source)
    sign_mode = determine_sign_mode(weight)
    # Of mixed sign, weights of 8 bits are even numbers in Lava; doubled mantissas with the exponent less
    # one are exact, since the shift by a negative exponent acts on a sum of even numbers.
    doubled = int(sign_mode is SignMode.MIXED)
    return Dense(
        weights=weight << doubled,
        weight_exp=int(projection.weight_exp) - doubled,
        num_weight_bits=8,
        sign_mode=sign_mode,
        num_message_bits=message_bits,
    )


def _reshaped(port: AbstractPort, shape: tuple[int, ...]) -> AbstractPort:
    return port if port.shape == shape else port.reshape(shape)


def _out_of_reach(program: Program, anchor: str) -> list[str]:
    """Return one population with neurons of each part of the graph that is not connected to ``anchor``."""
    neighbours: dict[str, set[str]] = {name: set() for name in program.populations}
    for projection in program.projections:
        neighbours[projection.source].add(projection.target)
        neighbours[projection.target].add(projection.source)
    reached: set[str] = set()

    def visit(name: str) -> None:
        waiting = [name]
        while waiting:
            current = waiting.pop()
            if current not in reached:
                reached.add(current)
                waiting.extend(neighbours[current])

    visit(anchor)
    representatives = []
    for population in program.populations.values():
        if population.neurons is not None and population.name not in reached:
            representatives.append(population.name)
            visit(population.name)
    return representatives
