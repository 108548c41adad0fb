"""The chip's neurons of one population as a module that gradients pass through."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from spear_deploy.network import Neuron
from spear_deploy.simulate.cell import SURROGATE_SLOPE, CellState, Spike
from spear_deploy.simulate.convolution_layout import Pair
from spear_deploy.simulate.convolved_scan import ConvolvedScan, Scan
from spear_deploy.simulate.layout import as_row, as_rows, from_rows, in_order
from spear_deploy.targets.loihi.program import LoihiPopulation
from spear_deploy.targets.loihi.registers import Arithmetic
from spear_deploy.targets.loihi.training.exact import Exactly
from spear_deploy.targets.loihi.training.kernel import IntegerLoop, IntegerNeurons, IntegerScan, convolve_and_scan


class IntegerCell(nn.Module):
    """Scans integer sums (T, B, *shape), as floats, over time; sends spikes, or a readout's membrane in float units.

    On a CPU the scans are fused; elsewhere, in loops and where membranes are asked for, it goes step by step in
    float64, which holds all of the registers' integers and products.  ``neuron`` gives the float units.
    """

    def __init__(self, population: LoihiPopulation, neuron: Neuron, arithmetic: Arithmetic) -> None:
        super().__init__()
        self.shape, self._neurons = population.shape, IntegerNeurons.of(population, arithmetic)
        self._smooth = self._neurons.in_float()
        self._unit, self._limit, self._wrap = arithmetic.decay_unit, arithmetic.limit, arithmetic.wrap
        self._shift = float(1 << arithmetic.shift)
        self._constant: Tensor | None = None
        for name in ("keep_u", "keep_v", "vth", "bias"):
            register = getattr(self._neurons, name)
            self.register_buffer(name, torch.tensor(register.reshape(self.shape), dtype=torch.float64))
        gain = neuron.gain.max() if neuron.is_readout else neuron.gain  # a readout's are moved into the weights
        in_float = np.asarray(gain, np.float64) / np.asarray(population.scale) / self._shift
        self.register_buffer("in_float", torch.tensor(in_float))
        self.register_buffer("reset_value", torch.tensor(neuron.reset_value, dtype=torch.float64))

    @property
    def device(self) -> torch.device:
        """The device that it computes on."""
        buffers: Any = self
        device: torch.device = buffers.bias.device
        return device

    def set_bias(self, bias: NDArray[np.int32], constant: Tensor | None) -> None:
        """Set the bias of every neuron, ``shape``; gradients of the sums go to ``constant``, ``shape``, if given."""
        self._neurons = self._neurons._replace(bias=np.ascontiguousarray(bias.reshape(-1)))
        buffers: Any = self
        buffers.bias.copy_(torch.from_numpy(bias))
        self._constant = constant

    def forward(self, x: Tensor) -> Tensor:
        """Scan integer sums (T, B, *shape); return what is sent, of the same shape."""
        if x.device.type != "cpu":
            return self.scan(x)[0]
        neurons, smooth = in_order(self._neurons, x), in_order(self._smooth, x)
        arguments = (as_rows(x), self._flat_constant(x), neurons, smooth, SURROGATE_SLOPE)
        out: Tensor = IntegerScan.apply(*arguments)  # type: ignore[no-untyped-call]
        out = from_rows(out, x)
        return out if self._neurons.fires else self._to_float(out)

    def can_be_fused(self, x: Tensor) -> bool:
        """Whether the fused loop covers these neurons, where ``x`` is."""
        return x.device.type == "cpu" and self._neurons.fires

    def convolved(self, x: Tensor, weight: Tensor, _: None, geometry: tuple[Pair, Pair]) -> Tensor:
        """Scan neurons that a convolution, of a stride and padding, of payloads (T, B, C, H, W) feeds."""
        # The bias of a channel is in the bias of its neurons already: a 0 that has the gradient of any of them.
        constant = self._constant
        nothing = None if constant is None else (constant - constant.detach())[:, 0, 0]
        scan = Scan(convolve_and_scan, self._neurons, self._smooth)
        spikes: Tensor = ConvolvedScan.apply(x, weight, nothing, geometry, scan, SURROGATE_SLOPE)  # type: ignore[no-untyped-call]
        return spikes

    def feed_back(self, x: Tensor, weight: Tensor, _: None) -> Tensor:
        """Scan neurons that feed back to themselves, a step later, through ``weight @ s``."""
        arguments = (x.flatten(2), weight, self._flat_constant(x), self._neurons, self._smooth, SURROGATE_SLOPE)
        spikes: Tensor = IntegerLoop.apply(*arguments)  # type: ignore[no-untyped-call]
        return spikes.view(x.shape)

    def scan(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Scan step by step, on any device; return what is sent, and membranes after each step in float units."""
        state, outputs, membranes = self.start(x[0]), [], []
        for arriving in x:
            state, out = self.step(state, arriving)
            outputs.append(out)
            membranes.append(self.membrane(state))
        return torch.stack(outputs), torch.stack(membranes)

    def start(self, like: Tensor) -> CellState:
        """Return the state before the first step, for sums (B, *shape) like these."""
        zero = torch.zeros_like(like, dtype=torch.float64)
        return CellState(zero, zero, torch.zeros_like(like, dtype=torch.float32))

    def step(self, state: CellState, arriving: Tensor) -> tuple[CellState, Tensor]:
        """Integrate one step's integer sums (B, *shape); return the new state, in chip units, and what is sent."""
        buffers: Any = self
        subtract, late = self._neurons.subtract, self._neurons.reset_delay and self._neurons.fires
        arriving = arriving.double()
        if self._constant is not None:
            arriving = arriving + (self._constant - self._constant.detach())
        u = self._wrapped(self._decayed(state.current, buffers.keep_u) + self._shift * arriving)
        v = self._decayed(state.v, buffers.keep_v) + u + buffers.bias
        if late and subtract:
            v = v - state.fired * buffers.vth
        v = Exactly.apply(v.clamp(-self._limit, self._limit), v)  # type: ignore[no-untyped-call]
        if late and not subtract:
            v = torch.where(state.fired > 0, 0.0, v)
        if not self._neurons.fires:
            return CellState(u, v, state.fired), self._to_float(v)
        spikes: Tensor = Spike.apply((v - buffers.vth) / buffers.vth.clamp(min=1.0), self._neurons.at_threshold)  # type: ignore[no-untyped-call]
        fired = spikes.detach()  # gradients do not flow through the reset
        if not late:
            v = v - fired * buffers.vth if subtract else torch.where(fired > 0, 0.0, v)
        return CellState(u, v, fired), spikes.float()

    def membrane(self, state: CellState) -> Tensor:
        """Return v after a step, in float units: (B, *shape)."""
        return self._to_float(state.v)

    def _to_float(self, v: Tensor) -> Tensor:
        buffers: Any = self
        membrane: Tensor = v.double() * buffers.in_float + buffers.reset_value
        return membrane

    def _decayed(self, x: Tensor, keep: Tensor) -> Tensor:
        """Return what a decay leaves: truncated toward zero, the gradient not."""
        left = x * keep / self._unit
        decayed: Tensor = Exactly.apply(left.trunc(), left)  # type: ignore[no-untyped-call]
        return decayed

    def _wrapped(self, u: Tensor) -> Tensor:
        low = torch.where(u > self._wrap, u - 2 * self._wrap, u)
        wrapped: Tensor = Exactly.apply(torch.where(low <= -self._wrap, low + 2 * self._wrap, low), u)  # type: ignore[no-untyped-call]
        return wrapped

    def _flat_constant(self, x: Tensor) -> Tensor | None:
        return None if self._constant is None else as_row(self._constant, x)
