"""Measure a network on a data split: in float, or as the chip's integers."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from spear_deploy.data.datasets import Split
from spear_deploy.measure.activity import Activity, Tally
from spear_deploy.measure.synops import fan_outs
from spear_deploy.network import Network
from spear_deploy.network.synapses import compose
from spear_deploy.progress import Tick
from spear_deploy.simulate.simulator import FloatSimulator
from spear_deploy.targets.loihi.emulator.device_emulator import DeviceEmulator
from spear_deploy.targets.loihi.emulator.emulator import Emulator
from spear_deploy.targets.loihi.program import ChipProgram, InputPort


def measure_float(network: Network, split: Split, batch: int = 128, tick: Tick | None = None) -> Activity:
    """Run the float network over a split."""
    shapes = {p.name: p.shape for p in network.populations}
    several = frozenset(p.name for p in network.neurons if p.neuron and p.neuron.spikes == "integer")
    tally = Tally(fan_outs(compose(network), shapes), network.outputs[0], several)
    simulator = FloatSimulator(network)
    (port,) = network.inputs
    done = 0
    for x, labels in split.batches(batch):
        with torch.no_grad():
            out = simulator({port.name: to_tensor(x)})
        spikes = {p.name: out[p.name].numpy() for p in network.neurons if p.neuron and not p.neuron.is_readout}
        tally.add({port.name: x, **spikes}, out[tally.output].numpy(), labels)
        done += len(labels)
        if tick:
            tick(done, len(split))
    return tally.activity()


def measure_chip(program: ChipProgram, split: Split, tick: Tick | None = None, device: str | None = None) -> Activity:
    """Run the chip program on the bit-exact emulator over a split; on a ``device`` of torch's, if one is given."""
    tally = Tally(fan_outs(program.synapses, program.shapes), program.outputs[0])
    emulator = Emulator(program) if device is None else DeviceEmulator(program, device)
    (port,) = program.inputs
    done = 0
    for x, labels in split.batches(emulator.batch_size(split.samples.steps)):
        recording = emulator.run({port.name: port.encode(x)})
        scores = {**recording.spikes, **recording.potentials}[tally.output]
        tally.add(recording.spikes, scores, labels)
        done += len(labels)
        if tick:
            tick(done, len(split))
    return tally.activity()


def to_tensor(x: np.ndarray) -> torch.Tensor:
    """Return float32 input; a constant one (held over time by a zero stride) stays a view."""
    if x.strides[0] == 0 and x.shape[0] > 1:
        return torch.from_numpy(np.array(x[0], np.float32)).expand(*x.shape)
    return torch.from_numpy(np.ascontiguousarray(x, np.float32))


def payloads(port: InputPort, split: Split) -> NDArray[Any]:
    """Return a split's samples as the integers that a backend takes: (N, T, *shape)."""
    return np.ascontiguousarray(np.moveaxis(port.encode(split.samples.batch(split.indices)), 0, 1))
