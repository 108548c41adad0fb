"""The bit-exact emulator: the chip program's integer arithmetic, batched, layer by layer.

Synapses are torch convolutions and matrix products of integers held in float32, exact while every partial
sum stays below 2^24 (float64 is used where that is not proven), or event-driven integer sums where spikes are
sparse; neurons are the fused integer scan.  A batch is run in chunks that stay in the processor's cache.
Time is aligned: population k sees in its step t what an input of step t causes, as Lava does once its one
step of delay a synapse is accounted for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as functional
from numpy.typing import NDArray

from spear_deploy.lower.compose import ConvSynapses
from spear_deploy.lower.program import ChipPopulation, ChipProgram, ChipProjection
from spear_deploy.simulate.event_kernel import sum_events
from spear_deploy.simulate.lif_kernel import scan_lif, scan_readout
from spear_deploy.simulate.threads import map_threads

_FLOAT32_EXACT = 1 << 24
_WRAP = 1 << 23
_BATCH_BYTES = 256 << 20
_CACHE_BYTES = 2 << 20
_SPARSE = 0.25
"""Below this share of active neurons a matrix is summed by events (measured, docs/emulator.md)."""
_FEWEST_TARGETS = 32
"""A matrix with fewer targets has rows too short to be added fast."""


@dataclass(frozen=True, eq=False)
class Recording:
    """What every population did: arrays (T, B, *shape).

    ``spikes``: uint8, inputs (payloads) included; ``potentials``: int32 v of the readouts;
    ``final_u``, ``final_v``: int32 (B, n) states after the last step.
    """

    spikes: Mapping[str, NDArray[Any]]
    potentials: Mapping[str, NDArray[np.int32]]
    final_u: Mapping[str, NDArray[np.int32]]
    final_v: Mapping[str, NDArray[np.int32]]


class Emulator:
    """Runs a chip program; states start at zero for every sample."""

    def __init__(self, program: ChipProgram) -> None:
        self.program = program
        self._largest = max(population.size for population in program.populations)
        self._synapses = {id(p): _Synapses(p, program) for p in program.projections}

    def batch_size(self, steps: int) -> int:
        """Return how many samples of ``steps`` steps keep a population's arrays within 256 MB."""
        return max(1, min(1024, _BATCH_BYTES // (16 * steps * self._largest)))

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> Recording:
        """Run one batch: integer payloads (T, B, *shape) for each input population.

        An input that is constant over time may be given as a view with a zero stride; it is summed once.
        """
        steps, batch = next(iter(inputs.values())).shape[:2]
        size = max(1, _CACHE_BYTES // (4 * steps * self._largest))
        chunks = [{name: x[:, start : start + size] for name, x in inputs.items()} for start in range(0, batch, size)]
        parts = map_threads(self._run, chunks)
        return parts[0] if len(parts) == 1 else _joined(parts)

    def _run(self, inputs: Mapping[str, NDArray[Any]]) -> Recording:
        spikes: dict[str, NDArray[Any]] = dict(inputs)
        potentials: dict[str, NDArray[np.int32]] = {}
        final_u: dict[str, NDArray[np.int32]] = {}
        final_v: dict[str, NDArray[np.int32]] = {}
        steps, batch = next(iter(inputs.values())).shape[:2]
        for population in self.program.populations:
            sums = [
                self._synapses[id(projection)].sums(spikes[projection.synapses.source])
                for projection in self.program.into(population.name)
            ]
            summed = sums[0] if sums else np.zeros((steps, batch, population.size), np.int32)
            for more in sums[1:]:
                summed = summed + more
            out, u, v = _scan(population, summed)
            final_u[population.name], final_v[population.name] = u, v
            shaped = out.reshape(steps, batch, *population.shape)
            if population.kind == "readout":
                potentials[population.name] = shaped
            else:
                spikes[population.name] = shaped
        return Recording(spikes, potentials, final_u, final_v)


def _joined(parts: Sequence[Recording]) -> Recording:
    def along(axis: int, field: str) -> dict[str, NDArray[Any]]:
        names = getattr(parts[0], field)
        return {name: np.concatenate([getattr(part, field)[name] for part in parts], axis=axis) for name in names}

    return Recording(along(1, "spikes"), along(1, "potentials"), along(0, "final_u"), along(0, "final_v"))


class _Synapses:
    """One projection, ready to be applied."""

    def __init__(self, projection: ChipProjection, program: ChipProgram) -> None:
        synapses = projection.synapses
        payload = {port.name: port.max_value for port in program.inputs}.get(synapses.source, 1)
        weight = np.asarray(synapses.weight, np.float64)
        reach = np.abs(weight.reshape(len(weight), -1)).sum(axis=1).max(initial=0) * payload
        # Lava wraps the sum of a convolution, exponent included, at 24 bits; most are proven smaller.
        self.wraps = isinstance(synapses, ConvSynapses) and reach * 2**projection.exponent >= _WRAP
        self.exact = torch.float64 if self.wraps or reach >= _FLOAT32_EXACT else torch.float32
        self.weight = torch.tensor(weight * 2**projection.exponent, dtype=self.exact)  # a power of two stays exact
        self.rows: NDArray[np.int32] | None = None
        if not isinstance(synapses, ConvSynapses) and len(weight) >= _FEWEST_TARGETS and reach < 2**31:
            self.rows = np.ascontiguousarray(weight.T, np.int32)
        self.synapses = synapses
        self.exponent = projection.exponent

    def sums(self, spikes: NDArray[Any]) -> NDArray[np.int32]:
        """Return the sums (T, B, target neurons) for spikes or payloads (T, B, *source shape)."""
        if spikes.strides[0] == 0:  # constant over time
            once = self._product(np.require(spikes[:1], requirements=["C", "W"]))
            return np.ascontiguousarray(np.broadcast_to(once, (len(spikes), *once.shape[1:])))
        spikes = np.require(spikes, requirements=["C", "W"])  # torch takes no read-only arrays
        if self.rows is not None and np.count_nonzero(spikes) < _SPARSE * spikes.size:
            out = np.empty((*spikes.shape[:2], self.rows.shape[1]), np.int32)
            sum_events(spikes.reshape(*spikes.shape[:2], -1), self.rows, np.int32(self.exponent), out)
            return out
        return self._product(spikes)

    def _product(self, spikes: NDArray[Any]) -> NDArray[np.int32]:
        steps, batch = spikes.shape[:2]
        x = torch.from_numpy(spikes).flatten(0, 1).to(self.exact)
        with torch.no_grad():
            if isinstance(self.synapses, ConvSynapses):
                conv = self.synapses
                y = functional.conv2d(x, self.weight, None, conv.stride, conv.padding, conv.dilation, conv.groups)
            else:
                y = x.flatten(1) @ self.weight.T
            if self.wraps:
                y = torch.remainder(y + _WRAP, 2 * _WRAP) - _WRAP
        sums: NDArray[np.int32] = y.to(torch.int32).flatten(1).view(steps, batch, -1).numpy()
        return sums


def _scan(
    population: ChipPopulation, a: NDArray[np.int32]
) -> tuple[NDArray[Any], NDArray[np.int32], NDArray[np.int32]]:
    steps, batch, size = a.shape
    full = {name: _full(getattr(population, name), population) for name in ("du", "dv", "vth", "bias_mant", "bias_exp")}
    bias = full["bias_mant"] << full["bias_exp"]
    keep_u, keep_v = 4096 - (full["du"] + 1), 4096 - full["dv"]
    u, v = np.zeros((batch, size), np.int32), np.zeros((batch, size), np.int32)
    if population.kind == "readout":
        potentials = np.empty((steps, batch, size), np.int32)
        scan_readout(a, keep_u, keep_v, bias, u, v, potentials)
        return potentials, u, v
    spikes = np.empty((steps, batch, size), np.uint8)
    scan_lif(a, keep_u, keep_v, full["vth"] << 6, bias, u, v, spikes)
    return spikes, u, v


def _full(register: NDArray[np.int32], population: ChipPopulation) -> NDArray[np.int32]:
    return np.ascontiguousarray(np.broadcast_to(register, population.shape).reshape(-1), np.int32)
