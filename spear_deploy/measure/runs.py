"""Measure a network on a data split: in float, or as the chip's integers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from spear_deploy.data import Split
from spear_deploy.decision import network_rule, program_rule
from spear_deploy.execution import Execution
from spear_deploy.measure.activity import Activity, ActivityRecorder
from spear_deploy.network import Network
from spear_deploy.network.fan_out import fan_outs
from spear_deploy.progress import Tick
from spear_deploy.recording import Clips, Recording
from spear_deploy.simulate.memory import memory_of_running
from spear_deploy.simulate.simulator import FloatSimulator
from spear_deploy.simulate.tensors import to_tensor
from spear_deploy.targets import TARGETS, Program
from spear_deploy.targets.ports import InputPort

_LARGEST_BATCH = 128
"""Samples that a float network runs at once at most."""

Run: TypeAlias = Callable[[NDArray[Any]], Recording]
"""Runs a batch of values (T, B, *shape): what spikes, and the membranes of readouts."""


def measure_float(
    network: Network,
    split: Split,
    execution: Execution | None = None,
    *,
    tick: Tick | None = None,
    decide: str | None = None,
    counted: frozenset[str] = frozenset(),
) -> Activity:
    """Run the float network over a split; ``decide`` names the decision rule (None: the output's usual one).

    ``counted`` names inputs whose values are numbers of spikes where the network is to run: see
    :attr:`~spear_deploy.targets.Program.counted`.

    Raises :class:`InputError` (E008, E015) for a rule that there is not, or that the output does not suit.
    """
    batch = float_batch(network, split, execution)
    return _measure(float_run(network, execution), float_recorder(network, decide, counted), split, batch, tick)


def measure_program(
    program: Program,
    split: Split,
    execution: Execution | None = None,
    *,
    tick: Tick | None = None,
    decide: str | None = None,
) -> Activity:
    """Run a chip program on its target's bit-exact emulator over a split; ``decide`` as for :func:`measure_float`."""
    batch = program_batch(program, split, execution)
    return _measure(program_run(program, execution), program_recorder(program, decide), split, batch, tick)


def float_run(network: Network, execution: Execution | None = None) -> Run:
    """Return what runs a float network of one input."""
    device = (execution or Execution()).device
    simulator = FloatSimulator(network).to(device)
    (port,) = network.inputs
    readouts = {population.name for population in network.neurons if population.neuron.is_readout}

    def run(x: NDArray[Any]) -> Recording:
        with torch.no_grad():
            out = simulator({port.name: to_tensor(x, device)})
        sent = {name: values.cpu().numpy() for name, values in out.items()}
        spikes = {name: values for name, values in sent.items() if name not in readouts}
        return Recording({port.name: x, **spikes}, {name: sent[name] for name in sent if name in readouts})

    return run


def program_run(program: Program, execution: Execution | None = None, *, clips: bool = False) -> Run:
    """Return what runs a program of one input on its emulator; ``clips`` counts where registers are too narrow."""
    emulator = TARGETS.get(program.target).emulator(program, execution or Execution())
    (port,) = program.inputs

    def run(x: NDArray[Any]) -> Recording:
        recording = emulator.run({port.name: port.encode(x)}, clips=clips)
        if not clips:
            return recording
        counted = Clips(x.size, payloads=port.count_clipped(x))
        return replace(recording, clips={**recording.clips, port.name: counted})

    return run


def float_recorder(
    network: Network, decide: str | None = None, counted: frozenset[str] = frozenset()
) -> ActivityRecorder:
    """Return what keeps the activity of a float network; ``decide`` and ``counted`` as for :func:`measure_float`."""
    counted = counted | {p.name for p in network.neurons if p.neuron.spikes == "integer"}
    fans, rule = fan_outs(network.synapses, network.shapes), network_rule(network, decide)
    return ActivityRecorder(fans, network.outputs[0], counted, rule)


def program_recorder(program: Program, decide: str | None = None) -> ActivityRecorder:
    """Return what keeps the activity of a program; ``decide`` as for :func:`measure_float`."""
    rule = program_rule(program, decide)
    return ActivityRecorder(program.fan_outs, program.outputs[0], program.counted, rule)


def float_batch(network: Network, split: Split, execution: Execution | None = None) -> int:
    """Return how many samples of a split the float network runs at once; raise :class:`InputError` (E019) for none."""
    execution = execution or Execution()
    simulator = FloatSimulator(network).to(execution.device)
    return memory_of_running(simulator, split.samples.steps).together(execution, _LARGEST_BATCH)


def program_batch(program: Program, split: Split, execution: Execution | None = None) -> int:
    """Return how many samples of a split the program's emulator runs at once."""
    emulator = TARGETS.get(program.target).emulator(program, execution or Execution())
    return emulator.batch_size(split.samples.steps)


def _measure(run: Run, recorder: ActivityRecorder, split: Split, batch: int, tick: Tick | None) -> Activity:
    done = 0
    for x, labels in split.batches(batch):
        recording = run(x)
        recorder.add(recording.spikes, recording.output(recorder.output), labels)
        done += len(labels)
        if tick:
            tick(done, len(split))
    return recorder.activity()


def payloads(port: InputPort, split: Split) -> NDArray[Any]:
    """Return a split's samples as the integers that a backend takes: (N, T, *shape)."""
    return np.ascontiguousarray(np.moveaxis(port.encode(split.samples.batch(split.indices)), 0, 1))
