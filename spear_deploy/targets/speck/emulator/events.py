"""The emulator that measures: event by event, as the chip runs.

The data say in which step an event comes, and no more: within a step, events come in an order of their own (a fixed
shuffle
of the input's cells), so that not all of one polarity or one side of the map come first.  What an event causes is
counted in its step.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spear_deploy.execution import Execution, map_threads
from spear_deploy.recording import Recording
from spear_deploy.targets.speck.emulator.event_kernel import run_events
from spear_deploy.targets.speck.emulator.recorded import batch_size, flat_inputs, recording
from spear_deploy.targets.speck.emulator.tables import MARGIN, Tables, tables_of
from spear_deploy.targets.speck.program import SpeckProgram

_SHUFFLE = 0
"""Seed of the order of a step's events."""
_LIMIT = np.iinfo(np.int16).max - MARGIN
"""What a membrane is held at.  The chip's has 16 bits; whether it stops or wraps there is not published."""


class EventEmulator:
    """Runs a program event by event; membranes start at zero for every sample."""

    def __init__(self, program: SpeckProgram, execution: Execution | None = None) -> None:
        self.program = program
        self.threads = (execution or Execution()).threads

    @cached_property
    def _tables(self) -> Tables:
        return tables_of(self.program)

    def batch_size(self, steps: int) -> int:
        """Return how many samples of this many steps are run at once."""
        return batch_size(self.program, steps)

    def run(self, inputs: Mapping[str, NDArray[Any]], *, membranes: bool = False, clips: bool = False) -> Recording:
        """Run one batch: numbers of events (T, B, *shape) for each input.

        ``membranes`` records v after each step.  ``clips`` counts how often a membrane was held at the top of its 16
        bits.
        """
        x = flat_inputs(self.program, inputs)
        steps, batch, channels = x.shape
        order = np.random.default_rng(_SHUFFLE).permutation(channels)
        counts = np.zeros((batch, steps, self._tables.neurons), np.int32)
        trace = np.zeros((batch, steps if membranes else 0, self._tables.neurons), self._tables.weight.dtype)
        held = np.zeros((batch, len(self.program.populations)), np.int64)

        def one(sample: int) -> None:
            events, ends = _in_order(x[:, sample], order)
            self._run(events, ends, counts[sample], trace[sample], held[sample])

        map_threads(one, range(batch), self.threads)
        seen = held if clips else held[:0]
        return recording(self.program, inputs, counts.swapaxes(0, 1), trace.swapaxes(0, 1), seen)

    def run_stream(self, events: NDArray[np.integer]) -> Mapping[str, NDArray[np.int32]]:
        """Run one sample of events in the order given: (n, 3), the channel, row and column of the only input.

        Returns the spikes of every neuron of each population, (C, H, W) or (N,).
        """
        (port,) = self.program.inputs
        cells = np.ravel_multi_index(tuple(np.asarray(events, np.int64).T), port.shape)
        counts = np.zeros((1, self._tables.neurons), np.int32)
        held = np.zeros(len(self.program.populations), np.int64)
        self._run(cells, np.array([len(cells)]), counts, counts[:0], held)
        inputs = {port.name: np.bincount(cells, minlength=port_size(port.shape)).reshape(1, 1, *port.shape)}
        whole = recording(self.program, inputs, counts[:, None], counts[:0, None], held[:0])
        return {name: spikes[0, 0] for name, spikes in whole.spikes.items()}

    def _run(
        self,
        cells: NDArray[np.int64],
        ends: NDArray[np.int64],
        counts: NDArray[np.int32],
        trace: NDArray[Any],
        held: NDArray[np.int64],
    ) -> None:
        tables = self._tables
        events, bias = (cells + tables.neurons).astype(np.int32), tables.bias.astype(tables.weight.dtype)
        parts = (tables.first, tables.landings, tables.layers, tables.weight, bias)
        run_events(events, ends, *parts, _LIMIT, counts, trace, held)


def port_size(shape: tuple[int, ...]) -> int:
    """Return how many cells an input has."""
    return int(np.prod(shape))


def _in_order(x: NDArray[Any], order: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the cells of a sample's events (T, channels), step by step, and where each step's end."""
    shuffled = x[:, order]
    steps, places = np.nonzero(shuffled)
    times = shuffled[steps, places]
    ends = np.cumsum(np.bincount(steps, weights=times, minlength=len(x))).astype(np.int64)
    cells = order[places]
    return (cells if np.all(times == 1) else np.repeat(cells, times)), ends
