"""The reference emulator: time steps, layer by layer, as sinabs simulates a discretised network, bit for bit.

In each step, without delay between layers (sinabs computes in float32, exact below 2^24)::

    v = v + sum of the weights of all spikes that arrive + bias
    s = floor(v / threshold) where v > 0, else 0                 any number of spikes
    v = max(v - s * threshold, low)                              or max(0, low) where a spike resets to zero and s > 0
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from spear_deploy.execution import Execution, map_threads
from spear_deploy.recording import Recording
from spear_deploy.targets.speck.emulator.recorded import batch_size, flat_inputs, recording
from spear_deploy.targets.speck.emulator.tables import Tables, tables_of
from spear_deploy.targets.speck.program import SpeckProgram


@njit(inline="always")
def _send(count, neuron, first, landings, layers, weight, v):  # type: ignore[no-untyped-def]
    """Add the effect of this many spikes of a neuron to the membranes that they reach."""
    for k in range(first[neuron], first[neuron + 1]):
        layer, at, start, length = landings[k, 0], landings[k, 1], landings[k, 2], landings[k, 4]
        for _ in range(landings[k, 3]):
            for i in range(length):
                v[at + i] += count * weight[start + i]
            at += layers[layer, 2]
            start += layers[layer, 3]


@njit(cache=True, nogil=True)
def run_steps(x, first, landings, layers, weight, bias, counts, trace, beyond):  # type: ignore[no-untyped-def]
    """Run one sample ``x`` (T, channels) from rest; the tables are those of :class:`~.tables.Tables`.

    Written are spike counts ``counts`` (T, neurons) int32; where it has rows ``trace``, the membranes after each step;
    and ``beyond`` (layers,) int64, in how many bins a membrane left 16 bits, in which sinabs goes on counting.
    """
    neurons = counts.shape[1]
    v = np.zeros(neurons, np.int64)
    for t in range(len(x)):
        for channel in range(x.shape[1]):
            if x[t, channel]:
                _send(np.int64(x[t, channel]), neurons + channel, first, landings, layers, weight, v)
        for layer in range(len(layers)):
            threshold, low, zeroes = layers[layer, 4], layers[layer, 5], layers[layer, 6] != 0
            for i in range(layers[layer, 0], layers[layer, 0] + layers[layer, 1]):
                v[i] += bias[i]
                beyond[layer] += v[i] > 32767
                if v[i] >= threshold:
                    spikes = v[i] // threshold
                    counts[t, i] = spikes
                    v[i] = 0 if zeroes else v[i] - spikes * threshold
                    _send(spikes, i, first, landings, layers, weight, v)
                v[i] = max(v[i], low)
        if len(trace):
            trace[t] = v


class StepEmulator:
    """Runs a program in time steps; membranes start at zero for every sample."""

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

        ``membranes`` records v after each step.  ``clips`` counts the bins in which a membrane left 16 bits.
        """
        x, tables = flat_inputs(self.program, inputs), self._tables
        steps, batch, _ = x.shape
        counts = np.zeros((batch, steps, tables.neurons), np.int32)
        trace = np.zeros((batch, steps if membranes else 0, tables.neurons), np.int64)
        beyond = np.zeros((batch, len(self.program.populations)), np.int64)
        parts = (tables.first, tables.landings, tables.layers, tables.weight.astype(np.int64), tables.bias)

        def one(sample: int) -> None:
            run_steps(np.ascontiguousarray(x[:, sample]), *parts, counts[sample], trace[sample], beyond[sample])

        map_threads(one, range(batch), self.threads)
        seen = beyond if clips else beyond[:0]
        return recording(self.program, inputs, counts.swapaxes(0, 1), trace.swapaxes(0, 1), seen)
