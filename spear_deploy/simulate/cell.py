"""The float neurons of one population, scanned over time."""

from __future__ import annotations

from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from spear_deploy.network import Neuron
from spear_deploy.simulate.convolution_kernel import convolve_and_scan
from spear_deploy.simulate.convolution_layout import Pair
from spear_deploy.simulate.convolved_scan import ConvolvedScan, Scan
from spear_deploy.simulate.layout import as_rows, from_rows, in_order
from spear_deploy.simulate.scan_kernel import MOST_SPIKES, FusedLoop, FusedScan, Parameters

SURROGATE_SLOPE = 2.0
"""Slope of the arctan surrogate (Fang et al. 2021), in units of 1/threshold."""


class CellState(NamedTuple):
    """State of neurons between two steps: synaptic current, membrane, and last output."""

    current: Tensor
    v: Tensor
    fired: Tensor


class Cell(nn.Module):
    """The neurons of one population: scans (T, B, *shape) over time."""

    def __init__(self, neuron: Neuron) -> None:
        super().__init__()
        self.neuron = neuron
        for name, array in neuron.arrays().items():
            self.register_buffer(name, torch.tensor(_collapse(array)))

    def forward(self, x: Tensor) -> Tensor:
        """Scan summed input (T, B, *shape); return the output, of the same shape."""
        if not self.can_be_fused(x):
            return self.scan(x)[0]
        arguments = (as_rows(x), in_order(self._scan_parameters, x), SURROGATE_SLOPE)
        spikes: Tensor = FusedScan.apply(*arguments)  # type: ignore[no-untyped-call]
        return from_rows(spikes, x)

    def can_be_fused(self, x: Tensor) -> bool:
        """Whether the fused scans support these neurons, on the device of ``x``."""
        return x.device.type == "cpu" and not self.neuron.is_readout

    def convolved(self, x: Tensor, weight: Tensor, bias: Tensor | None, geometry: tuple[Pair, Pair]) -> Tensor:
        """Scan neurons fed by a convolution of ``x`` (T, B, C, H, W); ``geometry`` is its stride and padding."""
        scan = Scan(convolve_and_scan, self._scan_parameters, self._scan_parameters)
        arguments = (x, weight, bias, geometry, scan, SURROGATE_SLOPE)
        spikes: Tensor = ConvolvedScan.apply(*arguments)  # type: ignore[no-untyped-call]
        return spikes

    def feed_back(self, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """Scan neurons with feedback ``weight @ s + bias`` of their spikes, one step later."""
        arguments = (x.flatten(2), weight, bias, self._scan_parameters, SURROGATE_SLOPE)
        spikes: Tensor = FusedLoop.apply(*arguments)  # type: ignore[no-untyped-call]
        return spikes.view(x.shape)

    @cached_property
    def _scan_parameters(self) -> Parameters:
        neuron = self.neuron
        assert neuron.threshold is not None
        dynamics = (neuron.alpha, neuron.beta, neuron.gain, neuron.bias)
        arrays = (*dynamics, neuron.threshold, neuron.reset_value, neuron.start)
        kind = (neuron.compare == "ge", neuron.reset == "subtract", neuron.reset_delay)
        alpha, beta, gain, bias, threshold, reset, start = (np.ascontiguousarray(a.reshape(-1)) for a in arrays)
        floor = np.float32(-np.inf if neuron.floor is None else neuron.floor)
        several = neuron.spikes == "integer"
        return Parameters(alpha, beta, gain, bias, threshold, reset, start, *kind, several, floor)

    def scan(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Scan step by step in torch: any neuron on any device.  Returns outputs and membranes, (T, B, *shape)."""
        state, outputs, membranes = self.start(x[0]), [], []
        for arriving in x:
            state, out = self.step(state, arriving)
            outputs.append(out)
            membranes.append(state.v)
        return torch.stack(outputs), torch.stack(membranes)

    def start(self, like: Tensor) -> CellState:
        """Return the state before the first step, for inputs like this one, (B, *shape)."""
        buffers: Any = self
        first: Tensor = buffers.reset_value if self.neuron.start_value is None else buffers.start_value
        return CellState(torch.zeros_like(like), first.expand_as(like), torch.zeros_like(like))

    def membrane(self, state: CellState) -> Tensor:
        """Return v after a step, in float units: (B, *shape)."""
        return state.v

    def step(self, state: CellState, arriving: Tensor) -> tuple[CellState, Tensor]:
        """Integrate one step of summed input (B, *shape); return the new state and the output."""
        buffers: Any = self
        current = buffers.alpha * state.current + arriving if self.neuron.has_current else arriving
        v = buffers.beta * state.v + buffers.gain * current + buffers.bias
        if self.neuron.is_readout:
            return CellState(current, v, state.fired), v
        if self.neuron.reset_delay:
            v = self._reset(v, state.fired)
        spikes = self._fire(v)
        if not self.neuron.reset_delay:
            v = self._reset(v, spikes)
        if self.neuron.floor is not None:
            v = v.clamp(min=self.neuron.floor)
        return CellState(current, v, spikes), spikes

    def _fire(self, v: Tensor) -> Tensor:
        buffers: Any = self
        threshold: Tensor = buffers.threshold
        width = (threshold - buffers.reset_value).abs().clamp(min=1e-6)
        distance = (v - threshold) / width
        spikes: Tensor = Spike.apply(distance, self.neuron.compare == "ge")  # type: ignore[no-untyped-call]
        if self.neuron.spikes == "integer":
            return spikes * torch.clamp(torch.trunc(v.detach() / threshold), 1.0, MOST_SPIKES)
        return spikes

    def _reset(self, v: Tensor, spikes: Tensor) -> Tensor:
        # Gradients do not flow through the reset (Zenke and Vogels 2021: it does not help training).
        fired = spikes.detach()
        buffers: Any = self
        threshold: Tensor = buffers.threshold
        return (
            v - fired * threshold if self.neuron.reset == "subtract" else torch.where(fired > 0, buffers.reset_value, v)
        )


class Spike(torch.autograd.Function):
    """Heaviside step of the distance to threshold; arctan surrogate gradient."""

    @staticmethod
    def forward(ctx: Any, distance: Tensor, inclusive: bool) -> Tensor:
        """Return 1 where the distance is above 0, or not below it if ``inclusive``."""
        ctx.save_for_backward(distance)
        fired: Tensor = distance >= 0 if inclusive else distance > 0
        spikes: Tensor = fired.to(distance.dtype)
        return spikes

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        """Return the surrogate gradient."""
        (distance,) = ctx.saved_tensors
        slope = np.pi / 2 * SURROGATE_SLOPE
        return gradients[0] * (SURROGATE_SLOPE / 2) / (1 + (slope * distance) ** 2), None


def _collapse(array: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a single value if all are equal: broadcasting it is faster than a full array."""
    first = array.reshape(-1)[:1]
    return first if np.all(array == first) else array
