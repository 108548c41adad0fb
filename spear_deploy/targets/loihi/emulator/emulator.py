"""The bit-exact emulator: the chip program's integer arithmetic, batched.

A population sums its input for a block of steps and samples that stays in the cache, by events or by products,
whichever is faster for what its sources do, and its neurons are the fused integer scan over these sums; nothing
but spikes is ever held for a whole batch.  Populations are run one after the other over all steps; those that
form a loop, step by step together.  Time is aligned: population k sees in its step t what an input of step t
causes, as Lava does once its one step of delay a synapse is accounted for; a lag shifts spikes along time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spear_deploy.execution import Execution, map_threads, split_evenly, torch_threads
from spear_deploy.recording import Clips, Recording
from spear_deploy.targets.loihi.emulator.cells import Layout, aligned_memory
from spear_deploy.targets.loihi.emulator.layer import EmulatedPopulation, States
from spear_deploy.targets.loihi.emulator.sums import MEASURED, Costs, Sums
from spear_deploy.targets.loihi.program import LoihiProgram

_BATCH_BYTES = 256 << 20
_CHUNK_BYTES = 1 << 21
"""Spikes of the samples that are run through all populations before the next ones."""
_TOGETHER = 256
"""Steps of samples that are run together at least: products read all weights for each."""
_TOGETHER_IN_LOOPS = 64
_NEURONS_IN_LOOPS = 1 << 14
"""Samples, and their neurons, that are run together at least where populations form loops, step by step."""


class LoihiEmulator:
    """Runs a chip program; states start at zero for every sample, and no spikes are in flight.

    ``costs`` weigh sums by events against products; the bits are the same whatever they are.
    """

    def __init__(self, program: LoihiProgram, execution: Execution | None = None, costs: Costs = MEASURED) -> None:
        self.program, self.costs = program, costs
        self.threads = (execution or Execution()).threads

    @cached_property
    def _layers(self) -> dict[str, EmulatedPopulation]:
        layouts = {port.name: Layout(port.shape, channels_last=False) for port in self.program.inputs}
        layouts |= {p.name: Layout.of_population(p.shape) for p in self.program.populations}
        return {p.name: EmulatedPopulation(p, self.program, layouts) for p in self.program.populations}

    def batch_size(self, steps: int) -> int:
        """Return how many samples of ``steps`` steps keep a population's arrays within 256 MB."""
        largest = max(population.size for population in self.program.populations)
        return max(1, min(1024, _BATCH_BYTES // (16 * steps * largest)))

    def run(self, inputs: Mapping[str, NDArray[Any]], *, membranes: bool = False, clips: bool = False) -> Recording:
        """Run one batch: integer payloads (T, B, *shape) for each input population.

        An input that is constant over time may be given as a view with a zero stride; it is summed once.
        ``membranes``: v after each step is recorded of all neurons, not of readouts alone.  Arrays of maps are views
        with the channels last in memory; ``final`` has the registers u and v.  ``clips`` counts membranes that are
        clipped and currents that wrap.
        """
        steps, batch = next(iter(inputs.values())).shape[:2]
        states = self._states(inputs, steps, batch, membranes=membranes, clips=clips)
        sample_bytes = steps * sum(layer.layout.rows * layer.layout.width for layer in self._layers.values())
        neurons = sum(population.size for population in self.program.populations)
        in_loops = max(_TOGETHER_IN_LOOPS, _NEURONS_IN_LOOPS // neurons)
        least = max(_TOGETHER // steps, in_loops if self.program.loops else 1)
        some = split_evenly(batch, max(least, _CHUNK_BYTES // sample_bytes), self.threads)
        with torch_threads(self.threads if len(some) < self.threads else 1):  # whatever others have set
            map_threads(partial(self._run, states), some, self.threads)
        return self._recording(inputs, states)

    def _states(
        self, inputs: Mapping[str, NDArray[Any]], steps: int, batch: int, *, membranes: bool, clips: bool
    ) -> States:
        sent: dict[str, NDArray[Any]] = {}
        for port in self.program.inputs:
            x = inputs[port.name]
            once = x[:1] if x.strides[0] == 0 else x
            payloads = np.ascontiguousarray(once, np.uint8 if port.max_value < 256 else np.int32)
            sent[port.name] = payloads.reshape(len(once), batch, -1)
        for population in self.program.populations:
            kind = np.int32 if population.kind == "readout" else np.uint8
            sent[population.name] = np.empty((steps, batch, population.size), kind)

        def zeros() -> dict[str, NDArray[np.int32]]:
            return {
                name: np.zeros((batch, layer.layout.rows, layer.layout.width), np.int32)
                for name, layer in self._layers.items()
            }

        firing = [p for p in self.program.populations if membranes and p.kind == "lif"]
        traces = {p.name: np.empty((steps, batch, p.size), np.int32) for p in firing}
        counts = {name: np.zeros((batch, 2), np.int64) for name in self._layers if clips}
        return States(steps, sent, zeros(), zeros(), traces, counts)

    def _run(self, states: States, samples: range) -> None:
        """Run all populations on some samples of a batch."""
        memory = aligned_memory(0)
        for component in self.program.components:
            layers = [self._layers[name] for name in component if name in self._layers]
            is_loop = component in self.program.loops
            ways = [layer.sums(states, samples, component if is_loop else (), self.costs) for layer in layers]
            if is_loop:
                _run_loop(states, layers, ways, samples)
                continue
            for layer, sums in zip(layers, ways, strict=True):
                needed = max(sums.block, sums.bytes)
                memory = memory if len(memory) >= needed else aligned_memory(needed)
                update = layer.updater(states, sums)
                for some_samples, some_steps in _blocks(sums, states.steps, samples):
                    total = sums.total(states.sent, some_steps, some_samples, memory)
                    update(total, some_steps.start, some_samples.start)

    def _recording(self, inputs: Mapping[str, NDArray[Any]], states: States) -> Recording:
        def view(arrays: Mapping[str, NDArray[Any]], names: Iterable[str]) -> dict[str, NDArray[Any]]:
            return {name: self._layers[name].layout.view(arrays[name]) for name in names}

        def flat(registers: Mapping[str, NDArray[np.int32]]) -> dict[str, NDArray[np.int32]]:
            shaped = {name: self._layers[name].layout.view(x[None])[0] for name, x in registers.items()}
            return {name: np.ascontiguousarray(x).reshape(len(x), -1) for name, x in shaped.items()}

        firing = [p.name for p in self.program.populations if p.kind == "lif"]
        readouts = [p.name for p in self.program.populations if p.kind == "readout"]
        membrane = view(states.sent, readouts) | view(states.traces, states.traces)
        final = {"u": flat(states.u), "v": flat(states.v)}
        clips = {}
        for name, counts in states.clips.items():
            clipped, wrapped = map(int, counts.sum(axis=0))
            clips[name] = Clips(states.steps * states.v[name].size, clipped, wrapped)
        return Recording({**inputs, **view(states.sent, firing)}, membrane, final, clips=clips)


def _run_loop(states: States, layers: Sequence[EmulatedPopulation], ways: Sequence[Sums], samples: range) -> None:
    """Run populations that feed each other; what comes from elsewhere is summed for several steps at once."""
    most = max(1, min(sums.block // (sums.bytes * len(samples)) for sums in ways))
    memories = [aligned_memory(most * sums.bytes * len(samples)) for sums in ways]
    updates = [layer.updater(states, sums) for layer, sums in zip(layers, ways, strict=True)]
    for first in range(0, states.steps, most):
        steps = range(first, min(first + most, states.steps))
        totals = [sums.total(states.sent, steps, samples, memory) for sums, memory in zip(ways, memories, strict=True)]
        for step in steps:
            for update, sums, total in zip(updates, ways, totals, strict=True):
                now = total[step - first : step - first + 1]
                sums.add_inner(states.sent, step, samples, now)
                update(now, step, samples.start)


def _blocks(sums: Sums, steps: int, samples: range) -> Iterator[tuple[range, range]]:
    """Yield samples and steps, in their order, whose sums stay in the cache."""
    most = max(1, sums.block // sums.bytes)
    together = max(1, most // steps)
    for first in range(samples.start, samples.stop, together):
        for step in range(0, steps, most):
            yield range(first, min(first + together, samples.stop)), range(step, min(step + most, steps))
