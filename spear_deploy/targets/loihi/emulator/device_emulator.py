"""The emulator on any device that torch knows, bit for bit: for GPUs.

Step by step, the whole batch at once.  Sums are matrix products in float64, which no device rounds below 2^53 and
none replaces by a faster algorithm that does; everything else is 64-bit integers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from spear_deploy.network.synapses import ConvSynapses
from spear_deploy.recording import Clips, Recording
from spear_deploy.targets.loihi.convolution import Geometry, unfolded_conv2d
from spear_deploy.targets.loihi.program import LoihiPopulation, LoihiProgram, LoihiProjection
from spear_deploy.targets.loihi.registers import Arithmetic

_BATCH_BYTES = 1 << 30


class DeviceEmulator:
    """Runs a chip program on ``device`` as :class:`~.emulator.LoihiEmulator` does on a processor."""

    def __init__(self, program: LoihiProgram, device: str | torch.device = "cuda") -> None:
        self.program, self.device = program, torch.device(device)
        self._synapses: dict[str, list[tuple[str, int, _Synapses]]] = {}
        for population in program.populations:
            incoming = program.into(population.name)
            self._synapses[population.name] = [
                (p.synapses.source, program.lag(p), _Synapses(p, program.arithmetic, self.device)) for p in incoming
            ]

    def batch_size(self, steps: int) -> int:
        """Return how many samples of ``steps`` steps keep all spikes within 1 GB; at most 1024."""
        sizes = [4 * p.size if p.kind == "readout" else p.size for p in self.program.populations]
        return max(1, min(1024, _BATCH_BYTES // (steps * sum(sizes))))

    def run(self, inputs: Mapping[str, NDArray[Any]], *, membranes: bool = False, clips: bool = False) -> Recording:
        """Run one batch: integer payloads (T, B, *shape) for each input; all ``membranes`` and ``clips`` on request."""
        steps, batch = next(iter(inputs.values())).shape[:2]
        sent = {name: self._payloads(x) for name, x in inputs.items()}
        neurons = {p.name: _Neurons(p, self.program.arithmetic, batch, self.device) for p in self.program.populations}
        meters = {name: _Meter(self.device) for name in neurons if clips}
        traced = [p for p in self.program.populations if membranes and p.kind == "lif"]
        traces = {p.name: torch.empty((steps, batch, *p.shape), dtype=torch.int32, device=self.device) for p in traced}
        for population in self.program.populations:
            kind = torch.int32 if population.kind == "readout" else torch.uint8
            sent[population.name] = torch.empty((steps, batch, *population.shape), dtype=kind, device=self.device)
        order = [name for component in self.program.components for name in component if name in neurons]
        for step in range(steps):
            for name in order:
                arriving = torch.zeros_like(neurons[name].u)
                for source, lag, synapses in self._synapses[name]:
                    if step >= lag:
                        sums = synapses.sums(sent[source][step - lag])
                        wrapped = synapses.wrap(sums)
                        if clips:
                            meters[name].see_currents(wrapped != sums)
                        arriving += wrapped.view_as(arriving)
                sent[name][step] = neurons[name].update(arriving, meters.get(name))
                if name in traces:
                    traces[name][step] = neurons[name].v

        def of(kind: str) -> dict[str, NDArray[Any]]:
            return {p.name: sent[p.name].cpu().numpy() for p in self.program.populations if p.kind == kind}

        def final(state: str) -> dict[str, NDArray[np.int32]]:
            states = {name: getattr(cells, state).flatten(1) for name, cells in neurons.items()}
            return {name: x.to(torch.int32).cpu().numpy() for name, x in states.items()}

        membrane = of("readout") | {name: trace.cpu().numpy() for name, trace in traces.items()}
        counts = {name: meter.clips(steps * neurons[name].v.numel()) for name, meter in meters.items()}
        return Recording({**inputs, **of("lif")}, membrane, {"u": final("u"), "v": final("v")}, clips=counts)

    def _payloads(self, x: NDArray[Any]) -> Tensor:
        """Return payloads on the device; what is constant over time stays one step."""
        held = x.strides[0] == 0
        moved = torch.from_numpy(np.array(x[:1] if held else x)).to(self.device)
        return moved.expand(x.shape) if held else moved


class _Synapses:
    """One projection: a matrix, or a convolution as a matrix product of its unfolded input."""

    def __init__(self, projection: LoihiProjection, arithmetic: Arithmetic, device: torch.device) -> None:
        self.bound = arithmetic.wrap
        projection = projection.as_one
        self.synapses = synapses = projection.synapses
        self.weight = torch.tensor(np.asarray(synapses.weight, np.float64) * 2.0**projection.exponent, device=device)

    def sums(self, spikes: Tensor) -> Tensor:
        """Return the sums (B, targets) of payloads (B, *shape), before those of a convolution wrap."""
        x, conv = spikes.to(torch.float64), self.synapses
        if not isinstance(conv, ConvSynapses):
            return (x.flatten(1) @ self.weight.T).to(torch.int64)
        return unfolded_conv2d(x, self.weight, Geometry.of(conv)).flatten(1).to(torch.int64)

    def wrap(self, sums: Tensor) -> Tensor:
        """Return the sums as the chip has them."""
        if not isinstance(self.synapses, ConvSynapses):
            return sums
        return torch.remainder(sums + self.bound, 2 * self.bound) - self.bound


class _Meter:
    """Counts on the device what is clipped and wraps in one population."""

    def __init__(self, device: torch.device) -> None:
        self.membranes = self.currents = torch.zeros((), dtype=torch.int64, device=device)

    def see_membranes(self, clipped: Tensor) -> None:
        self.membranes = self.membranes + clipped.sum()

    def see_currents(self, wrapped: Tensor) -> None:
        self.currents = self.currents + wrapped.sum()

    def clips(self, bins: int) -> Clips:
        return Clips(bins, int(self.membranes), int(self.currents))


class _Neurons:
    """The state of one population, int64 (B, *shape), which follows the equations of ``registers.py``."""

    def __init__(self, population: LoihiPopulation, arithmetic: Arithmetic, batch: int, device: torch.device) -> None:
        def register(values: NDArray[np.int32]) -> Tensor:
            return torch.tensor(np.asarray(values, np.int64), device=device)

        unit = arithmetic.decay_unit
        self.population, self.arithmetic = population, arithmetic
        self.keep_u, self.keep_v = register(unit - 1 - population.du), register(unit - population.dv)
        self.threshold = register(population.vth) << arithmetic.shift
        self.limit = self.threshold - int(population.compare == "ge")  # v >= x is v > x - 1
        self.bias = register(population.bias_mant) << register(population.bias_exp)
        self.u = torch.zeros((batch, *population.shape), dtype=torch.int64, device=device)
        self.v = torch.zeros_like(self.u)

    def update(self, arriving: Tensor, meter: _Meter | None) -> Tensor:
        """Advance by a step; return the spikes, or a readout's v; the ``meter`` sees what is clipped and wraps."""
        subtract, reset_delay = self.population.reset == "subtract", self.population.reset_delay
        bound, limit, bits = self.arithmetic.wrap, self.arithmetic.limit, self.arithmetic.decay_bits
        u = _decay(self.u, self.keep_u, bits) + (arriving << self.arithmetic.shift)
        if meter is not None:
            meter.see_currents((u > bound) | (u <= -bound))
        u = torch.where(u > bound, u - 2 * bound, u)
        self.u = torch.where(u <= -bound, u + 2 * bound, u)
        fired_before = self.v > self.limit
        v = _decay(self.v, self.keep_v, bits) + self.u + self.bias
        if reset_delay and subtract:
            v = v - fired_before * self.threshold
        if meter is not None:
            meter.see_membranes(v.abs() > limit)
        v = v.clamp(-limit, limit)
        if reset_delay and not subtract:
            v = v.masked_fill(fired_before, 0)
        if self.population.kind == "readout":
            self.v = v
            return v
        fired = v > self.limit
        if not reset_delay:
            v = torch.where(fired, v - self.threshold if subtract else torch.zeros_like(v), v)
        self.v = v
        return fired


def _decay(x: Tensor, factor: Tensor, bits: int) -> Tensor:
    return x.sign() * ((x.abs() * factor) >> bits)
