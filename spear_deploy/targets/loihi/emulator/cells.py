"""Where the neurons of a population and the sums that reach them lie in memory.

Maps are computed channels last: the targets of a spike then lie next to each other.  Sums have a margin around the
map; what a kernel adds beyond the map's border lands there and is ignored.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spear_deploy.network.ops import Shape
from spear_deploy.targets.loihi.emulator.lanes import LANE_BYTES, MOST_LANES

Array = NDArray[Any]


@dataclass(frozen=True)
class Layout:
    """The order of a population's neurons in memory: row-major over ``shape``, or with a map's channels last."""

    shape: Shape
    channels_last: bool

    @classmethod
    def of_population(cls, shape: Shape) -> Layout:
        """Return the order in which the emulator computes a population; inputs stay as they are given."""
        return cls(shape, channels_last=len(shape) == 3)

    @cached_property
    def rows(self) -> int:
        """Rows of a map; one for neurons in a line."""
        return self.shape[1] if self.channels_last else 1

    @cached_property
    def width(self) -> int:
        """Neurons in a row."""
        return prod(self.shape) // self.rows

    @cached_property
    def order(self) -> NDArray[np.intp]:
        """Row-major index of each neuron, in the order of memory."""
        index = np.arange(prod(self.shape)).reshape(self.shape)
        return (np.moveaxis(index, 0, -1) if self.channels_last else index).ravel()

    def view(self, x: Array) -> Array:
        """Return ``x`` (A, B, ...), the neurons as they lie in memory, as a view (A, B, *shape)."""
        if not self.channels_last:
            return x.reshape(*x.shape[:2], *self.shape)
        channels, height, width = self.shape
        return np.moveaxis(x.reshape(*x.shape[:2], height, width, channels), -1, 2)

    def arrange(self, register: NDArray[np.int32]) -> NDArray[np.int32]:
        """Return a register, one value or one for each neuron, as (rows, width)."""
        full = np.broadcast_to(register, self.shape).reshape(-1)[self.order]
        return np.ascontiguousarray(full.reshape(self.rows, self.width), np.int32)


@dataclass(frozen=True)
class Cells:
    """Sums of one population, in ``layout``, with a ``margin`` (top, bottom, left, right) of pixels around a map."""

    layout: Layout
    margin: tuple[int, int, int, int] = (0, 0, 0, 0)

    @cached_property
    def pixel(self) -> int:
        """Cells of a pixel: one for each channel."""
        return self.layout.shape[0] if self.layout.channels_last else 1

    @cached_property
    def stride(self) -> int:
        """Cells from one row to the next."""
        return self.layout.width + (self.margin[2] + self.margin[3]) * self.pixel

    @cached_property
    def origin(self) -> int:
        """The cell of the first neuron."""
        return self.margin[0] * self.stride + self.margin[2] * self.pixel

    @property
    def is_plain(self) -> bool:
        """Whether neurons alone have cells: nothing lies between the rows of a map, nor between samples."""
        return not any(self.margin)

    @cached_property
    def size(self) -> int:
        """Cells of the map and its margin."""
        return (self.layout.rows + self.margin[0] + self.margin[1]) * self.stride

    def inner(self, total: Array) -> Array:
        """Return a view (S, b, rows, width) of those of the sums ``total`` (S, b, cells) that belong to neurons."""
        first, left = self.margin[0] * self.stride, self.margin[2] * self.pixel
        rows = total[..., first : first + self.layout.rows * self.stride]
        rows = rows.reshape(*total.shape[:2], self.layout.rows, self.stride)
        return rows[..., left : left + self.layout.width]


def aligned_memory(count: int) -> NDArray[np.uint8]:
    """Return memory of so many bytes that starts with a lane; behind it lies what lanes may reach beyond its end.

    New memory costs time at its first use, and is given back each time: sums are best kept in the same place.
    """
    memory = np.empty(LANE_BYTES + count + MOST_LANES * LANE_BYTES, np.uint8)
    skipped = -memory.ctypes.data % LANE_BYTES
    return memory[skipped : skipped + count]
