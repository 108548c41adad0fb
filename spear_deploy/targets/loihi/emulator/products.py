"""Synapses as torch's convolutions and matrix products: what event-driven sums are measured against.

The integers are held in float32, exact while every partial sum stays below 2^24, and in float64 where that is
not proven.  Where many neurons fire, these are faster than a sum over events.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import torch
import torch.nn.functional as functional
from numpy.typing import NDArray
from torch import Tensor

from spear_deploy.network.synapses import ConvSynapses, Synapses
from spear_deploy.targets.loihi.emulator.cells import Cells, Layout

_FLOAT32_EXACT = 1 << 24
"""Integers below this are exact in single precision."""


class Product:
    """One projection from a population of layout ``source`` to ``cells``.

    ``reach``: the largest sum; ``exponent``: of the weights; ``shift``: the part of it that the sums keep; ``bound``:
    where the sum of a convolution wraps.
    """

    def __init__(
        self, synapses: Synapses, source: Layout, cells: Cells, *, reach: int, exponent: int, shift: int, bound: int
    ) -> None:
        self.synapses, self.source, self.cells = synapses, source, cells
        self.exponent, self.shift, self.bound = exponent, shift, bound
        self.wraps = wraps(synapses, reach, exponent, bound)
        self.exact = torch.float64 if self.wraps or reach >= _FLOAT32_EXACT else torch.float32

    @cached_property
    def weight(self) -> Tensor:
        """The weights; a power of two keeps them exact."""
        weight = np.asarray(self.synapses.weight, np.float64) * 2.0 ** (self.exponent if self.wraps else self.shift)
        if not isinstance(self.synapses, ConvSynapses):
            return torch.tensor(weight[np.ix_(self.cells.layout.order, self.source.order)], dtype=self.exact)
        return torch.tensor(weight, dtype=self.exact).contiguous(memory_format=torch.channels_last)

    def add(self, spikes: NDArray[Any], step: int, sample: int, total: NDArray[Any]) -> None:
        """Add to ``total`` (S, b, cells) what the spikes (T, B, m) from ``step`` and ``sample`` on cause."""
        steps, samples, _ = total.shape
        inner = self.cells.inner(total)
        sums = self._sums(spikes[step : step + steps, sample : sample + samples])
        np.add(inner, sums.numpy().reshape(inner.shape), out=inner, casting="unsafe")

    def count_wrapped(self, spikes: NDArray[Any]) -> NDArray[np.int64]:
        """Return for each sample how many sums of payloads (S, b, m) wrap: (b,)."""
        sums = self._unwrapped(spikes).flatten(2)
        wrapped = (sums < -self.bound) | (sums >= self.bound)
        return wrapped.sum(dim=(0, 2)).numpy()

    def _sums(self, spikes: NDArray[Any]) -> Tensor:
        """Return the integer sums of (S, b, m) payloads, targets in the order of their layout."""
        y = self._unwrapped(spikes)
        if self.wraps:
            y = (torch.remainder(y + self.bound, 2 * self.bound) - self.bound) * 2.0 ** (self.shift - self.exponent)
        return y.to(torch.int32)

    def _unwrapped(self, spikes: NDArray[Any]) -> Tensor:
        """Return the sums (S, b, ...) before any wraps, in which the exponent is contained where one may."""
        x = torch.from_numpy(np.require(spikes, requirements=["W"]))  # torch takes no read-only arrays
        with torch.no_grad():
            y = self._convolve(x) if isinstance(self.synapses, ConvSynapses) else self._multiply(x)
            sums: Tensor = y.unflatten(0, x.shape[:2])
            return sums

    def _multiply(self, x: Tensor) -> Tensor:
        return x.flatten(0, 1).to(self.exact) @ self.weight.T

    def _convolve(self, x: Tensor) -> Tensor:
        conv = self.synapses
        assert isinstance(conv, ConvSynapses)
        channels, height, width = self.source.shape
        if self.source.channels_last:
            maps = x.flatten(0, 1).unflatten(1, (height, width, channels)).permute(0, 3, 1, 2)
        else:
            maps = x.flatten(0, 1).unflatten(1, (channels, height, width))
        y = functional.conv2d(
            maps.to(self.exact), self.weight, None, conv.stride, conv.padding, conv.dilation, conv.groups
        )
        return y.permute(0, 2, 3, 1).contiguous()


def wraps(synapses: Synapses, reach: int, exponent: int, bound: int) -> bool:
    """Whether Lava may wrap a sum, exponent included, at ``bound``: it does so in convolutions only."""
    return isinstance(synapses, ConvSynapses) and reach << exponent >= bound
