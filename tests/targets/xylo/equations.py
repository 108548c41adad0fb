"""Xylo's equations written down one addition at a time: the oracle that the emulator is held against.

From the published equations of xylosim 0.1.3 (``xylosim.v2``), in plain Python integers: no array, no bulk sums.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from spear_deploy.targets.xylo.program import XyloProgram

LOW, HIGH = -32768, 32767


def sat(x: int) -> int:
    return min(max(x, LOW), HIGH)


def int16(x: int) -> int:
    return (x - LOW) % 65536 + LOW


def decay(x: int, dash: int) -> int:
    taken = x >> dash
    return 1 if taken == 0 and x > 0 else taken


@dataclass
class Neuron:
    dash_syn: int
    dash_mem: int
    threshold: int
    bias: int
    most: int
    i: int = 0
    v: int = 0
    sent: int = 0

    def receive(self, weight: int, spikes: int) -> None:
        for _ in range(spikes):
            self.i = sat(self.i + weight)

    def step(self) -> None:
        self.i = int16(self.i - decay(self.i, self.dash_syn))
        change = sat(int16(-decay(self.v, self.dash_mem)) + self.i)
        self.v = sat(self.v + sat(change + self.bias))
        self.sent = 0
        while self.v >= self.threshold and self.sent < self.most:
            self.v -= self.threshold
            self.sent += 1


@dataclass
class Chip:
    """The neurons of a program by population, and who feeds whom, in the chip's own order."""

    program: XyloProgram
    neurons: dict[str, list[Neuron]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for p in self.program.populations:
            most = 1 if p.is_output else 31
            registers = zip(p.dash_syn, p.dash_mem, p.threshold, p.bias, strict=True)
            self.neurons[p.name] = [Neuron(*map(int, values), most) for values in registers]

    def step(self, events: dict[str, np.ndarray]) -> None:
        sent = {name: [neuron.sent for neuron in neurons] for name, neurons in self.neurons.items()}
        sources = [(port.name, events[port.name].reshape(-1).tolist()) for port in self.program.inputs]
        sources += [(p.name, sent[p.name]) for p in self.program.populations]
        for name, spikes in sources:
            feeds = [each for each in self.program.synapses if each.source == name]
            for source, count in enumerate(spikes):
                for each in feeds:
                    shift = self.program.shift_of(each)
                    for target, neuron in enumerate(self.neurons[each.target]):
                        neuron.receive(int(each.weight[target, source]) << shift, int(count))
        for neurons in self.neurons.values():
            for neuron in neurons:
                neuron.step()


def run(program: XyloProgram, events: dict[str, np.ndarray]) -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Run one sample (T, *shape) of each input from rest: spikes, currents, membranes (T, neurons) by population."""
    chip = Chip(program)
    seen: dict[str, list[list[tuple[int, int, int]]]] = {name: [] for name in chip.neurons}
    for t in range(len(next(iter(events.values())))):
        chip.step({name: x[t] for name, x in events.items()})
        for name, neurons in chip.neurons.items():
            seen[name].append([(n.sent, n.i, n.v) for n in neurons])
    return {name: tuple(np.moveaxis(np.array(rows), 2, 0)) for name, rows in seen.items()}  # type: ignore[misc]
