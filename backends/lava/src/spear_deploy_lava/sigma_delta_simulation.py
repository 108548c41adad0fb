"""Runs a program of sigma-delta neurons, in the process that Lava's processes are forked from.

Imports Lava: only for processes in which :func:`spear_deploy_lava.compat.import_lava` was called.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from lava.magma.core.process.process import AbstractProcess
from lava.proc.conv.process import Conv
from lava.proc.dense.process import Dense
from lava.proc.sdn.process import ActivationMode
from lava.utils.weightutils import SignMode, determine_sign_mode

from spear_deploy_lava import layout
from spear_deploy_lava.inputs import Inputs, read_ports
from spear_deploy_lava.job import Job
from spear_deploy_lava.output import run_attributes, write_output
from spear_deploy_lava.processes.periodic_delta import PeriodicDelta
from spear_deploy_lava.processes.periodic_sigma import PeriodicSigma
from spear_deploy_lava.processes.periodic_sigma_delta import PeriodicSigmaDelta
from spear_deploy_lava.processes.sink import Sink
from spear_deploy_lava.processes.source import DataSource
from spear_deploy_lava.records import shared_array
from spear_deploy_lava.runtime import advance, start
from spear_deploy_lava.sigma_delta_program import LARGEST_MIXED, Population, Program, Synapses, read_program

_MESSAGE_BITS = 16
_ACTIVATIONS = {"relu": ActivationMode.RELU, "unit": ActivationMode.UNIT}

Records = dict[str, npt.NDArray[np.int32]]


def simulate(job: Job, clock: npt.NDArray[np.int64]) -> None:
    """Run ``job`` and write its output file: messages in ``spikes``, a decoder's sums in ``potentials``, all int32.

    All samples run in one network, whose states are cleared before each, together with what is on its way.  ``clock``
    is in shared memory: the steps done, and the steps to do.  The Lava processes end with this process.

    Raises :class:`~spear_deploy_lava.errors.BadInputError` and :class:`~spear_deploy_lava.runtime.ModelError`.
    """
    started = time.perf_counter()
    program = read_program(Path(job.network))
    inputs = read_ports(Path(job.input), [program.port])
    clock[1] = steps = inputs.samples * inputs.steps
    source, records = _build(program, inputs, clock)
    start(source)
    running = time.perf_counter()
    advance(source, steps)
    attributes = run_attributes(steps, time.perf_counter() - started, time.perf_counter() - running)
    groups: dict[str, dict[str, npt.NDArray[Any]]] = {"spikes": {}, "potentials": {}}
    for population in program.populations:
        record = records[population.name].reshape(inputs.samples, inputs.steps, -1)
        groups["potentials" if population.kind == "sigma" else "spikes"][population.name] = record
    write_output(Path(job.output), groups, attributes)


def _build(program: Program, inputs: Inputs, clock: npt.NDArray[np.int64]) -> tuple[AbstractProcess, Records]:
    """Return the source of the connected processes, and what they record: (total steps, neurons)."""
    values = layout.to_lava(inputs.values[program.port.name], leading=2).astype(np.int32)
    source = DataSource(data=values.reshape(-1, *values.shape[2:]), clock=clock)
    port, shape, records = source.s_out, program.port.shape, Records()
    for population in program.populations:
        neurons, synapses = _neurons(population, inputs.steps), program.synapses[population.name]
        if synapses is None:
            port.connect(neurons.a_in)
        else:
            process = _synapses(synapses, population.shape, shape)
            _reshaped(port, process.s_in.shape).connect(process.s_in)
            _reshaped(process.a_out, neurons.a_in.shape).connect(neurons.a_in)
        record = shared_array((inputs.samples * inputs.steps, population.size), np.int32)
        neurons.s_out.connect(Sink(shape=layout.lava_shape(population.shape), record=record, level=0).a_in)
        port, shape, records[population.name] = neurons.s_out, population.shape, record
    return source, records


def _neurons(population: Population, steps: int) -> AbstractProcess:
    shape = layout.lava_shape(population.shape)
    if population.kind == "sigma":
        return PeriodicSigma(shape=shape, interval=steps)
    options: dict[str, Any] = {
        "shape": shape,
        "vth": population.threshold,
        "cum_error": population.cumulative_error,
        "spike_exp": population.spike_exp,
        "state_exp": population.state_exp,
        "interval": steps,
    }
    if population.kind == "delta":
        return PeriodicDelta(**options)
    mode = _ACTIVATIONS[population.activation]
    return PeriodicSigmaDelta(bias=layout.parameter(population.bias), act_mode=mode, **options)


def _synapses(synapses: Synapses, target: tuple[int, ...], source: tuple[int, ...]) -> AbstractProcess:
    if synapses.geometry is not None:
        return Conv(
            weight=layout.convolution_weight(synapses.weight),
            input_shape=layout.lava_shape(source),
            stride=synapses.geometry["stride"][::-1],
            padding=synapses.geometry["padding"][::-1],
            dilation=synapses.geometry["dilation"][::-1],
            groups=synapses.geometry["groups"][0],
            num_message_bits=_MESSAGE_BITS,
        )
    weight = layout.dense_weight(synapses.weight, target, source)
    sign_mode = determine_sign_mode(weight)
    # Of mixed sign, weights of 8 bits are even numbers in Lava: odd ones are doubled, and the sum halved, exactly.
    doubled = int(sign_mode is SignMode.MIXED and np.abs(weight).max() <= LARGEST_MIXED)
    return Dense(
        weights=weight << doubled,
        weight_exp=-doubled,
        num_weight_bits=8,
        sign_mode=sign_mode,
        num_message_bits=_MESSAGE_BITS,
    )


def _reshaped(port: Any, shape: tuple[int, ...]) -> Any:
    return port if port.shape == shape else port.reshape(shape)
