"""A program as its one core holds it: flat arrays, and runs of them in the chip's own time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from spear_deploy.execution import map_threads, split_evenly
from spear_deploy.targets.xylo.kernel import run_samples
from spear_deploy.targets.xylo.program import IntArray, XyloPopulation, XyloProgram
from spear_deploy.targets.xylo.registers import Arithmetic


class CoreRegisters(NamedTuple):
    """Registers of all neurons, (M,) int32 each, and the ``most`` spikes of a step."""

    dash_syn: IntArray
    dash_mem: IntArray
    threshold: IntArray
    bias: IntArray
    most: IntArray

    @classmethod
    def of(cls, populations: Sequence[XyloPopulation], arithmetic: Arithmetic) -> CoreRegisters:
        """Return the registers of populations, one after the other."""

        def joined(name: str) -> IntArray:
            return np.concatenate([np.asarray(getattr(p, name), np.int32).reshape(-1) for p in populations])

        spikes = [arithmetic.output_spikes if p.is_output else arithmetic.hidden_spikes for p in populations]
        most = np.repeat(spikes, [p.size for p in populations]).astype(np.int32)
        return cls(joined("dash_syn"), joined("dash_mem"), joined("threshold"), joined("bias"), most)


@dataclass(frozen=True, eq=False)
class Core:
    """The integers of a program: I ``inputs``, N hidden neurons, then the outputs; M neurons in all.

    ``weights`` (I + N, M) are shifted; row p is what source p adds to each neuron, inputs before hidden neurons.
    ``reach`` (I + N, 2) are the first target of a row and one beyond the last.  ``columns`` and ``neurons`` say where
    inputs and populations lie.
    """

    weights: IntArray
    reach: IntArray
    registers: CoreRegisters
    inputs: int
    limit: int
    columns: Mapping[str, slice]
    neurons: Mapping[str, slice]

    @property
    def hidden(self) -> int:
        """Number of hidden neurons."""
        return len(self.weights) - self.inputs

    @classmethod
    def of(cls, program: XyloProgram) -> Core:
        """Return the core of a program."""
        columns = _slices((port.name, prod(port.shape)) for port in program.inputs)
        neurons = _slices((population.name, population.size) for population in program.populations)
        hidden = sum(population.size for population in program.hidden)
        inputs = sum(prod(port.shape) for port in program.inputs)
        weights = np.zeros((inputs + hidden, sum(p.size for p in program.populations)), np.int32)
        for synapses in program.synapses:
            rows = columns.get(synapses.source) or _moved(neurons[synapses.source], inputs)
            weights[rows, neurons[synapses.target]] = synapses.weight.T.astype(np.int32) << program.shift_of(synapses)
        registers = CoreRegisters.of(program.populations, program.arithmetic)
        return cls(weights, _reach(weights), registers, inputs, program.arithmetic.limit, columns, neurons)

    def rows(self, source: str) -> slice:
        """Return the rows of an input or a hidden population."""
        return self.columns.get(source) or _moved(self.neurons[source], self.inputs)


@dataclass(frozen=True, eq=False)
class CoreRun:
    """The activity of all M neurons, in the chip's own time.

    ``spikes`` (T, B, M) uint8; ``currents`` and ``membranes`` (T, B, M) int32 after each step, empty unless asked for;
    ``clipped`` (B, M, 2): steps in which current and membrane were at a limit, zeros unless asked for.
    """

    spikes: NDArray[np.uint8]
    currents: IntArray
    membranes: IntArray
    clipped: NDArray[np.int64]


def run_core(
    core: Core, x: NDArray[np.uint8], *, states: bool = False, clips: bool = False, threads: int = 1
) -> CoreRun:
    """Run a core from rest on spikes (T, B, I) of its inputs, T steps of the chip."""
    steps, batch, _ = x.shape
    size = core.weights.shape[1]
    held = (steps, batch, size) if states else (0, 0, 0)
    run = CoreRun(
        np.empty((steps, batch, size), np.uint8),
        np.empty(held, np.int32),
        np.empty(held, np.int32),
        np.zeros((batch, size, 2), np.int64),
    )
    given = (np.ascontiguousarray(x), core.weights, core.reach, core.registers, core.inputs, core.limit)
    recorded = (run.spikes, run.currents, run.membranes, run.clipped, states, clips)

    def some(samples: range) -> None:
        run_samples(*given, *recorded, samples.start, samples.stop)

    map_threads(some, split_evenly(batch, batch, threads), threads)
    return run


def _slices(sizes: Iterable[tuple[str, int]]) -> dict[str, slice]:
    found, start = {}, 0
    for name, size in sizes:
        found[name] = slice(start, start + size)
        start += size
    return found


def _moved(part: slice, by: int) -> slice:
    return slice(part.start + by, part.stop + by)


def _reach(weights: IntArray) -> IntArray:
    """Return the first target of each row and one beyond the last: (rows, 2); 0, 0 for a row without any."""
    is_synapse = weights != 0
    first = is_synapse.argmax(axis=1)
    last = weights.shape[1] - is_synapse[:, ::-1].argmax(axis=1)
    some = is_synapse.any(axis=1)
    return np.stack([np.where(some, first, 0), np.where(some, last, 0)], axis=1).astype(np.int32)
