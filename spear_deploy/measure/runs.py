"""Measure a network on a data split: in float, or as the chip's integers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

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
from spear_deploy.targets import Program, emulated_target
from spear_deploy.targets.ports import InputPort
from spear_deploy.targets.protocol import Emulator

_LARGEST_BATCH = 128
"""Largest number of samples that a float network runs at once."""


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

    ``counted`` names inputs whose values are numbers of spikes on the target: see
    :attr:`~spear_deploy.targets.Program.counted`.

    Raises :class:`InputError` (E008, E015) for an unknown rule, or one that does not suit the output.
    """
    return _measure(FloatRun(network, execution), float_recorder(network, decide, counted), split, tick)


def measure_program(
    program: Program,
    split: Split,
    execution: Execution | None = None,
    *,
    tick: Tick | None = None,
    decide: str | None = None,
) -> Activity:
    """Run a chip program on its target's bit-exact emulator over a split; ``decide`` as for :func:`measure_float`."""
    return _measure(ProgramRun(program, execution), program_recorder(program, decide), split, tick)


def measure_registers(
    program: Program,
    split: Split,
    execution: Execution | None = None,
    *,
    tick: Tick | None = None,
    decide: str | None = None,
) -> tuple[Activity, Mapping[str, Clips]]:
    """Return the result of :func:`measure_program`, and how often the registers of each population were too narrow."""
    run, clips = ProgramRun(program, execution), dict[str, Clips]()

    class Counting:
        """Keeps the counts of every batch."""

        together = run.together

        def __call__(self, x: NDArray[Any]) -> Recording:
            recording = run.with_clips(x)
            for name, counted in recording.clips.items():
                clips[name] = clips.get(name, Clips()) + counted
            return recording

    activity = _measure(Counting(), program_recorder(program, decide), split, tick)
    return activity, clips


def measure_reference(program: Program, split: Split, execution: Execution | None = None) -> Activity:
    """Run a program on a split like its family's own simulator, which may differ from the chip."""
    reference = emulated_target(program.target).reference(program, execution or Execution())
    return _measure(ProgramRun(program, execution, reference), program_recorder(program), split, None)


class Run(Protocol):
    """Runs batches of values."""

    def __call__(self, x: NDArray[Any]) -> Recording:
        """Run values (T, B, *shape); return the spikes, and the membranes of readouts."""

    def together(self, steps: int) -> int:
        """Return how many samples of this many steps to run at once; raise :class:`InputError` (E019) if none fits."""


class FloatRun:
    """Runs a float network of one input."""

    def __init__(self, network: Network, execution: Execution | None = None) -> None:
        self._execution, (self._port,) = execution or Execution(), network.inputs
        self._simulator = FloatSimulator(network).to(self._execution.device)
        self._readouts = {population.name for population in network.neurons if population.neuron.is_readout}

    def __call__(self, x: NDArray[Any]) -> Recording:
        """Run a batch; see :class:`Run`."""
        sent = {name: values.cpu().numpy() for name, values in self.sent(x).items()}
        spikes = {name: values for name, values in sent.items() if name not in self._readouts}
        return Recording({self._port.name: x, **spikes}, {name: sent[name] for name in sent if name in self._readouts})

    def sent(self, x: NDArray[Any]) -> Mapping[str, Tensor]:
        """Return the output of each population for values (T, B, *shape), on the execution's device."""
        with torch.no_grad():
            sent: Mapping[str, Tensor] = self._simulator({self._port.name: to_tensor(x, self._execution.device)})
        return sent

    def together(self, steps: int) -> int:
        """Return the samples of a batch; see :class:`Run`."""
        return memory_of_running(self._simulator, steps).together(self._execution, _LARGEST_BATCH)


class ProgramRun:
    """Runs a program with one input on its emulator, or on the given one."""

    def __init__(self, program: Program, execution: Execution | None = None, emulator: Emulator | None = None) -> None:
        self._emulator = emulator or emulated_target(program.target).emulator(program, execution or Execution())
        (self._port,) = program.inputs

    def __call__(self, x: NDArray[Any]) -> Recording:
        """Run a batch; see :class:`Run`."""
        return self._emulator.run({self._port.name: self._port.encode(x)})

    def with_clips(self, x: NDArray[Any]) -> Recording:
        """Run a batch, and count where registers, or the payloads of the input, are too narrow."""
        recording = self._emulator.run({self._port.name: self._port.encode(x)}, clips=True)
        counted = Clips(x.size, payloads=self._port.count_clipped(x))
        return replace(recording, clips={**recording.clips, self._port.name: counted})

    def together(self, steps: int) -> int:
        """Return the samples of a batch; see :class:`Run`."""
        return self._emulator.batch_size(steps)


def float_recorder(
    network: Network, decide: str | None = None, counted: frozenset[str] = frozenset()
) -> ActivityRecorder:
    """Return a recorder for a float network; ``decide`` and ``counted`` as for :func:`measure_float`."""
    counted = counted | {p.name for p in network.neurons if p.neuron.spikes == "integer"}
    fans, rule = fan_outs(network.synapses, network.shapes), network_rule(network, decide)
    return ActivityRecorder(fans, network.outputs[0], counted, rule)


def program_recorder(program: Program, decide: str | None = None) -> ActivityRecorder:
    """Return a recorder for a program; ``decide`` as for :func:`measure_float`."""
    rule = program_rule(program, decide)
    return ActivityRecorder(program.fan_outs, program.outputs[0], program.counted, rule)


def _measure(run: Run, recorder: ActivityRecorder, split: Split, tick: Tick | None) -> Activity:
    done = 0
    for x, labels in split.batches(run.together(split.samples.steps)):
        recording = run(x)
        recorder.add(recording.spikes, recording.output(recorder.output), labels)
        done += len(labels)
        if tick:
            tick(done, len(split))
    return recorder.activity()


def payloads(port: InputPort, split: Split) -> NDArray[Any]:
    """Return a split's samples as the integers that a backend takes: (N, T, *shape)."""
    return np.ascontiguousarray(np.moveaxis(port.encode(split.samples.batch(split.indices)), 0, 1))
