"""The bit-exact emulator: a program's core, batched, in the network's time.

Time is aligned: a population at depth k is recorded from the chip's step k on, so that its step t shows what an input
of step t causes.  What the chip does before (biases act from its first step on) and behind is run, and not recorded.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spear_deploy.execution import Execution
from spear_deploy.recording import Clips, Recording
from spear_deploy.targets.xylo.core import Core, CoreRun, run_core
from spear_deploy.targets.xylo.program import XyloPopulation, XyloProgram

_BATCH_BYTES = 256 << 20
_BIN_BYTES = 9
"""Of a neuron in a step: its spikes, and current and membrane where they are recorded."""


class XyloEmulator:
    """Runs a program; states start at zero for every sample, and no spikes are in flight."""

    def __init__(self, program: XyloProgram, execution: Execution | None = None) -> None:
        self.program, self.threads = program, (execution or Execution()).threads

    @cached_property
    def core(self) -> Core:
        """The program's integers."""
        return Core.of(self.program)

    def batch_size(self, steps: int) -> int:
        """Return how many samples of ``steps`` steps keep what is recorded within 256 MB."""
        bins: int = (steps + self.program.lag) * self.core.weights.shape[1]
        return max(1, min(1024, _BATCH_BYTES // (_BIN_BYTES * bins)))

    def run(self, inputs: Mapping[str, NDArray[Any]], *, membranes: bool = False, clips: bool = False) -> Recording:
        """Run one batch: spike counts (T, B, *shape) for each input.

        ``membranes``: those of all neurons after each step are recorded.  ``clips`` counts bins in which current or
        membrane are at their register's limit, over all steps of the chip.
        """
        steps = len(next(iter(inputs.values())))
        x = chip_input(self.program, inputs)
        run = run_core(self.core, x, states=membranes, clips=clips, threads=self.threads)
        parts = {p.name: (p, self.core.neurons[p.name]) for p in self.program.populations}
        spikes = {name: _aligned(run.spikes, population, part, steps) for name, (population, part) in parts.items()}
        membrane = {
            name: _aligned(run.membranes, population, part, steps) for name, (population, part) in parts.items()
        }
        counted = {name: _clips(run, part) for name, (_, part) in parts.items()} if clips else {}
        return Recording({**inputs, **spikes}, membrane if membranes else {}, clips=counted)


def chip_input(program: XyloProgram, inputs: Mapping[str, NDArray[Any]]) -> NDArray[np.uint8]:
    """Return spike counts (T, B, *shape) of each input as the chip is fed them: (T + lag, B, channels)."""
    joined = [np.asarray(inputs[port.name], np.uint8) for port in program.inputs]
    flat = np.concatenate([x.reshape(*x.shape[:2], -1) for x in joined], axis=2)
    return np.concatenate([flat, np.zeros((program.lag, *flat.shape[1:]), np.uint8)])


def _aligned(recorded: NDArray[Any], population: XyloPopulation, part: slice, steps: int) -> NDArray[Any]:
    if not recorded.size:
        return recorded
    own = recorded[population.depth : population.depth + steps, :, part]
    return np.ascontiguousarray(own).reshape(*own.shape[:2], *population.shape)


def _clips(run: CoreRun, part: slice) -> Clips:
    steps, batch, _ = run.spikes.shape
    currents, membranes = (int(count) for count in run.clipped[:, part].sum(axis=(0, 1)))
    return Clips(steps * batch * (part.stop - part.start), membranes, currents)
