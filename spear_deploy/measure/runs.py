"""Measure a network on a data split: in float, or as the chip's integers."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from spear_deploy.data import Split
from spear_deploy.execution import Execution
from spear_deploy.measure.activity import Activity, ActivityRecorder
from spear_deploy.network import Network
from spear_deploy.network.fan_out import fan_outs
from spear_deploy.progress import Tick
from spear_deploy.simulate.simulator import FloatSimulator
from spear_deploy.simulate.tensors import to_tensor
from spear_deploy.targets import TARGETS, Program
from spear_deploy.targets.ports import InputPort


def measure_float(
    network: Network,
    split: Split,
    execution: Execution | None = None,
    *,
    batch: int = 128,
    tick: Tick | None = None,
) -> Activity:
    """Run the float network over a split."""
    device = (execution or Execution()).device
    counted = frozenset(p.name for p in network.neurons if p.neuron.spikes == "integer")
    recorder = ActivityRecorder(fan_outs(network.synapses, network.shapes), network.outputs[0], counted)
    simulator = FloatSimulator(network).to(device)
    firing = [population.name for population in network.neurons if not population.neuron.is_readout]
    (port,) = network.inputs
    done = 0
    for x, labels in split.batches(batch):
        with torch.no_grad():
            out = simulator({port.name: to_tensor(x, device)})
        spikes = {name: out[name].cpu().numpy() for name in firing}
        recorder.add({port.name: x, **spikes}, out[recorder.output].cpu().numpy(), labels)
        done += len(labels)
        if tick:
            tick(done, len(split))
    return recorder.activity()


def measure_program(
    program: Program, split: Split, execution: Execution | None = None, *, tick: Tick | None = None
) -> Activity:
    """Run a chip program on its target's bit-exact emulator over a split."""
    recorder = ActivityRecorder(program.fan_outs, program.outputs[0])
    emulator = TARGETS.get(program.target).emulator(program, execution or Execution())
    (port,) = program.inputs
    done = 0
    for x, labels in split.batches(emulator.batch_size(split.samples.steps)):
        recording = emulator.run({port.name: port.encode(x)})
        recorder.add(recording.spikes, recording.output(recorder.output), labels)
        done += len(labels)
        if tick:
            tick(done, len(split))
    return recorder.activity()


def payloads(port: InputPort, split: Split) -> NDArray[Any]:
    """Return a split's samples as the integers that a backend takes: (N, T, *shape)."""
    return np.ascontiguousarray(np.moveaxis(port.encode(split.samples.batch(split.indices)), 0, 1))
