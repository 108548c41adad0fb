"""The emulator on any device that torch knows, bit for bit: for GPUs.

Step by step, the whole batch at once.  Sums are matrix products in float64, which no device rounds below 2^53 and
none replaces by a faster algorithm that does; everything else is 64-bit integers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
import torch.nn.functional as functional
from numpy.typing import NDArray
from torch import Tensor

from spear_deploy.network.synapses import ConvSynapses
from spear_deploy.targets.loihi.emulator.emulator import Recording
from spear_deploy.targets.loihi.program import ChipPopulation, ChipProgram, ChipProjection

_WRAP = 1 << 23
_LIMIT = _WRAP - 1
_BATCH_BYTES = 1 << 30


class DeviceEmulator:
    """Runs a chip program on ``device`` as :class:`~spear_deploy.targets.loihi.emulator.emulator.Emulator` does on a processor."""

    def __init__(self, program: ChipProgram, device: str | torch.device = "cuda") -> None:
        self.program, self.device = program, torch.device(device)
        self._synapses = {
            population.name: [
                (p.synapses.source, program.lag(p), _Synapses(p, self.device)) for p in program.into(population.name)
            ]
            for population in program.populations
        }

    def batch_size(self, steps: int) -> int:
        """Return how many samples of ``steps`` steps keep all spikes within 1 GB; at most 1024."""
        sizes = [4 * p.size if p.kind == "readout" else p.size for p in self.program.populations]
        return max(1, min(1024, _BATCH_BYTES // (steps * sum(sizes))))

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> Recording:
        """Run one batch: integer payloads (T, B, *shape) for each input population."""
        steps, batch = next(iter(inputs.values())).shape[:2]
        sent = {name: self._payloads(x) for name, x in inputs.items()}
        neurons = {p.name: _Neurons(p, batch, self.device) for p in self.program.populations}
        for population in self.program.populations:
            kind = torch.int32 if population.kind == "readout" else torch.uint8
            sent[population.name] = torch.empty((steps, batch, *population.shape), dtype=kind, device=self.device)
        order = [name for component in self.program.components for name in component if name in neurons]
        for step in range(steps):
            for name in order:
                arriving = torch.zeros_like(neurons[name].u)
                for source, lag, synapses in self._synapses[name]:
                    if step >= lag:
                        arriving += synapses.sums(sent[source][step - lag]).view_as(arriving)
                sent[name][step] = neurons[name].update(arriving)

        def of(kind: str) -> dict[str, NDArray[Any]]:
            return {p.name: sent[p.name].cpu().numpy() for p in self.program.populations if p.kind == kind}

        def final(state: str) -> dict[str, NDArray[np.int32]]:
            states = {name: getattr(cells, state).flatten(1) for name, cells in neurons.items()}
            return {name: x.to(torch.int32).cpu().numpy() for name, x in states.items()}

        return Recording({**inputs, **of("lif")}, of("readout"), final("u"), final("v"))

    def _payloads(self, x: NDArray[Any]) -> Tensor:
        """Return payloads on the device; what is constant over time stays one step."""
        held = x.strides[0] == 0
        moved = torch.from_numpy(np.array(x[:1] if held else x)).to(self.device)
        return moved.expand(x.shape) if held else moved


class _Synapses:
    """One projection: a matrix, or a convolution as a matrix product of its unfolded input."""

    def __init__(self, projection: ChipProjection, device: torch.device) -> None:
        self.synapses = synapses = projection.synapses
        weight = torch.tensor(np.asarray(synapses.weight, np.float64) * 2.0**projection.exponent, device=device)
        groups = synapses.groups if isinstance(synapses, ConvSynapses) else 1
        self.weight = weight.reshape(groups, len(weight) // groups, -1)

    def sums(self, spikes: Tensor) -> Tensor:
        """Return the sums (B, targets) of payloads (B, *shape)."""
        x, conv = spikes.to(torch.float64), self.synapses
        if not isinstance(conv, ConvSynapses):
            return (x.flatten(1) @ self.weight[0].T).to(torch.int64)
        columns = functional.unfold(x, conv.weight.shape[2:], conv.dilation, conv.padding, conv.stride)
        y = self.weight @ columns.unflatten(1, (conv.groups, -1))
        return torch.remainder(y.flatten(1).to(torch.int64) + _WRAP, 2 * _WRAP) - _WRAP


class _Neurons:
    """The state of one population, int64 (B, *shape), and the equations of :mod:`~spear_deploy.targets.loihi.emulator.lif_kernel`."""

    def __init__(self, population: ChipPopulation, batch: int, device: torch.device) -> None:
        def register(values: NDArray[np.int32]) -> Tensor:
            return torch.tensor(np.asarray(values, np.int64), device=device)

        self.population = population
        self.keep_u, self.keep_v = register(4095 - population.du), register(4096 - population.dv)
        self.threshold = register(population.vth) << 6
        self.bias = register(population.bias_mant) << register(population.bias_exp)
        self.u = torch.zeros((batch, *population.shape), dtype=torch.int64, device=device)
        self.v = torch.zeros_like(self.u)

    def update(self, arriving: Tensor) -> Tensor:
        """Advance by a step; return the spikes, or a readout's v."""
        subtract, late = self.population.reset == "subtract", self.population.late
        u = _decayed(self.u, self.keep_u) + (arriving << 6)
        u = torch.where(u > _WRAP, u - 2 * _WRAP, u)
        self.u = torch.where(u <= -_WRAP, u + 2 * _WRAP, u)
        fired_before = self.v > self.threshold
        v = _decayed(self.v, self.keep_v) + self.u + self.bias
        if late and subtract:
            v = v - fired_before * self.threshold
        v = v.clamp(-_LIMIT, _LIMIT)
        if late and not subtract:
            v = v.masked_fill(fired_before, 0)
        if self.population.kind == "readout":
            self.v = v
            return v
        fired = v > self.threshold
        if not late:
            v = torch.where(fired, v - self.threshold if subtract else torch.zeros_like(v), v)
        self.v = v
        return fired


def _decayed(x: Tensor, factor: Tensor) -> Tensor:
    return x.sign() * ((x.abs() * factor) >> 12)
