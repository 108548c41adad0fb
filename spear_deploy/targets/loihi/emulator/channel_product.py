"""Depthwise convolutions: every channel on its own, whose sums over the window are made in place, a row at a time.

Channels lie next to each other, and so do the pixels of a row: weights are repeated along it, and one long vector
operation adds one tap of the window to the whole row.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from spear_deploy.network.synapses import ConvSynapses, Synapses
from spear_deploy.targets.loihi.emulator.cells import Cells, Layout

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class ChannelProduct:
    """A depthwise convolution of pixels, added to ``cells`` of ``kind``; weights are ``mantissa << shift``."""

    synapses: ConvSynapses
    source: Layout
    cells: Cells
    shift: int
    kind: np.dtype[Any]

    @classmethod
    def of(
        cls, synapses: Synapses, source: Layout, cells: Cells, shift: int, kind: np.dtype[Any]
    ) -> ChannelProduct | None:
        """Return the way to sum a projection; None where it does not keep the channels of pixels apart."""
        if not isinstance(synapses, ConvSynapses) or not (source.channels_last and cells.layout.channels_last):
            return None
        outputs, per_group = synapses.weight.shape[:2]
        if not synapses.groups == outputs == source.shape[0] or per_group != 1:
            return None
        return cls(synapses, source, cells, shift, kind)

    @cached_property
    def weight(self) -> Array:
        """Weights (kH, kW, columns * C): those of the channels, once for each pixel of a row of the target."""
        taps = self.synapses.weight[:, 0].transpose(1, 2, 0).astype(self.kind) << self.kind.type(self.shift)
        return np.ascontiguousarray(np.tile(taps, self.cells.layout.shape[2]))

    @property
    def multiplications(self) -> int:
        """Products in one step of one sample."""
        return self.cells.layout.rows * self.cells.layout.width * int(self.synapses.weight[0].size)

    def add(self, spikes: Array, step: int, sample: int, total: Array) -> None:
        """Add to ``total`` (S, b, cells) what the spikes (T, B, m) from ``step`` and ``sample`` on cause."""
        conv, extents = self.synapses, self.cells.layout.shape[1:]
        geometry = (self.source.shape, conv.stride, conv.padding, conv.dilation)
        place = (self.cells.origin, self.cells.stride)
        _kernel_of(self.kind.name)(spikes, step, sample, *geometry, self.weight, extents, *place, total)


@cache
def _kernel_of(name: str) -> Callable[..., None]:
    """Return the compiled sum of integers of this type; numba computes in 64 bits unless told at each operation."""
    kind = np.dtype(name).type

    @njit(cache=True, nogil=True)
    def kernel(  # type: ignore[no-untyped-def]
        spikes, step, sample, shape, stride, padding, dilation, weight, extents, origin, pitch, total
    ):
        channels, height, width = shape
        steps, batch, _ = total.shape
        for b in range(batch):
            for t in range(steps):
                x, cells = spikes[step + t, sample + b], total[t, b]
                for row in range(extents[0]):
                    for down in range(weight.shape[0]):
                        y = row * stride[0] + down * dilation[0] - padding[0]
                        if y < 0 or y >= height:
                            continue
                        for across in range(weight.shape[1]):
                            left = across * dilation[1] - padding[1]
                            first = max(0, -(left // stride[1]))
                            last = min(extents[1], (width - 1 - left) // stride[1] + 1)
                            together = last - first if stride[1] == 1 else 1  # pixels that lie next to each other
                            for column in range(first, last, max(1, together)):
                                at = origin + row * pitch + column * channels
                                start = (y * width + left + column * stride[1]) * channels
                                target = cells[at : at + together * channels]
                                source = x[start : start + together * channels]
                                taps = weight[down, across]
                                for i in range(len(target)):
                                    target[i] = kind(target[i] + kind(kind(source[i]) * taps[i]))

    compiled: Callable[..., None] = kernel
    return compiled
