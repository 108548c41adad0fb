"""Synapses as products of bytes: int8 mantissas and payloads, summed in int32 by the processor's own instructions.

Exact, for no sum of them reaches 2^31; several times as fast as a product of floats where the processor multiplies
bytes (VNNI, AMX).  Elsewhere the library saturates intermediate sums at 16 bits without saying so: whether products
are exact is tried once, on the numbers that would show it, and they are not used where they are not.

A convolution is a product too, of the windows of the map: they are written out row by row, so few maps at a time that
they stay in the cache.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from spear_deploy.network.synapses import ConvSynapses, DenseSynapses, Synapses
from spear_deploy.targets.loihi.emulator.cells import Layout
from spear_deploy.targets.loihi.emulator.window_kernel import windows_of_pixels, windows_of_planes

Array = NDArray[Any]

_LARGEST = 127
_FEWEST_INPUTS = 2
"""torch (2.13) takes the strides of a matrix of one column for other ones, and multiplies what lies beside it."""
_WINDOW_BYTES = 1 << 20
"""Windows that are written out before they are multiplied."""


class Bytes(NamedTuple):
    """Integers as bytes: ``(values + offset) << shift``."""

    values: NDArray[np.int8]
    offset: int
    shift: int


def as_bytes(weight: NDArray[np.integer[Any]]) -> Bytes | None:
    """Return integers as bytes; None where they do not fit.

    Those of one sign have a range twice as large, which an offset moves into that of a byte; those on a coarser grid
    are divided by its step.
    """
    low, high = int(weight.min(initial=0)), int(weight.max(initial=0))
    for offset in (0, 128 if low == 0 else -127):
        for shift in range(3):
            step = 1 << shift
            if (low - offset * step) >= -(_LARGEST + 1) * step and (high - offset * step) <= _LARGEST * step:
                if shift and np.any(weight & (step - 1)):
                    break
                return Bytes(np.ascontiguousarray((weight >> shift) - offset, np.int8), offset, shift)
    return None


@cache
def bytes_are_exact() -> bool:
    """Whether this processor and torch multiply bytes exactly, and have the instructions that make it fast."""
    if not (getattr(torch, "_int_mm", None) and getattr(torch.cpu, "_is_vnni_supported", bool)()):
        return False
    rng = np.random.default_rng(0)
    for rows, inner, columns in ((33, 2, 1), (1, 5, 3), (48, 144, 80), (130, 300, 17)):
        a = rng.choice(np.array([127, 1, 0], np.int8), (rows, inner))
        b = rng.choice(np.array([-128, 127], np.int8), (columns, inner))
        product = torch.empty((rows, columns), dtype=torch.int32)
        torch._int_mm(torch.from_numpy(a), torch.from_numpy(b).T, out=product)
        if not np.array_equal(product.numpy(), a.astype(np.int64) @ b.T.astype(np.int64)):
            return False
    return True


@dataclass(frozen=True, eq=False)
class ByteProduct:
    """One projection from a population of layout ``source`` to one of layout ``target``, in units of the sums.

    ``weight`` (targets, inputs) holds a row for each target neuron, or for each channel of a target map; ``shift`` is
    what the sums keep of the exponent.
    """

    conv: ConvSynapses | None
    source: Layout
    target: Layout
    weight: Bytes
    shift: int

    @classmethod
    def of(cls, synapses: Synapses, source: Layout, target: Layout, *, payload: int, shift: int) -> ByteProduct | None:
        """Return the product of a projection whose source sends up to ``payload``; None where it cannot be one."""
        if payload > _LARGEST or not bytes_are_exact():
            return None
        if isinstance(synapses, DenseSynapses):
            matrix, conv = synapses.weight, None
            if source.channels_last:
                matrix = matrix[:, source.order]
            if target.channels_last:
                matrix = matrix[target.order]
        elif synapses.groups == 1:
            # A window is a plane of each channel, or rows of pixels whose channels lie together.
            order = (0, 2, 3, 1) if source.channels_last else (0, 1, 2, 3)
            matrix, conv = synapses.weight.transpose(order).reshape(len(synapses.weight), -1), synapses
        else:
            return None
        if matrix.shape[1] < _FEWEST_INPUTS:
            return None
        weight = as_bytes(np.asarray(matrix, np.int32) if matrix.dtype.itemsize > 4 else matrix)
        return None if weight is None else cls(conv, source, target, weight, shift)

    @property
    def positions(self) -> int:
        """Rows of the product that one step of one sample takes."""
        return 1 if self.conv is None else self.target.rows * self.target.width // self.target.shape[0]

    @property
    def multiplications(self) -> int:
        """Products of two bytes in one step of one sample."""
        return self.positions * self.weight.values.size

    @property
    def window_bytes(self) -> int:
        """Bytes of windows that are written out for one step of one sample."""
        return 0 if self.conv is None else self.positions * self.weight.values.shape[1]

    def write(self, spikes: Array, step: int, sample: int, total: NDArray[np.int32]) -> None:
        """Set ``total`` (S, b, cells), contiguous, to what spikes (T, B, m) from ``step`` and ``sample`` on cause."""
        steps, samples, cells = total.shape
        some = spikes[step : step + steps, sample : sample + samples]
        inputs = np.require(some, np.uint8, ["C", "W"]).view(np.int8).reshape(steps * samples, -1)
        sums = total.reshape(steps * samples, cells)
        if self.conv is None:
            self._multiply(inputs, sums)
            return
        maps = max(1, _WINDOW_BYTES // self.window_bytes)
        buffer = np.empty((min(maps, len(inputs)), self.positions, self.weight.values.shape[1]), np.int8)
        for first in range(0, len(inputs), maps):
            windows = buffer[: len(inputs) - first]
            self._write_windows(inputs[first : first + maps], windows)
            flat = windows.reshape(-1, windows.shape[2])
            self._multiply(flat, sums[first : first + maps].reshape(len(flat), -1))

    def add(self, spikes: Array, step: int, sample: int, total: NDArray[np.int32]) -> None:
        """Add to ``total`` what :meth:`write` sets."""
        sums = np.empty(total.shape, np.int32)
        self.write(spikes, step, sample, sums)
        total += sums

    def _multiply(self, x: NDArray[np.int8], total: NDArray[np.int32]) -> None:
        """Set ``total`` (rows, targets) to the sums of payloads (rows, inputs)."""
        values, offset, shift = self.weight
        torch._int_mm(torch.from_numpy(x), torch.from_numpy(values).T, out=torch.from_numpy(total))
        if offset:
            total += offset * x.sum(axis=1, dtype=np.int32, keepdims=True)
        if shift + self.shift:
            np.left_shift(total, shift + self.shift, out=total)

    def _write_windows(self, maps: NDArray[np.int8], windows: NDArray[np.int8]) -> None:
        """Write out the windows (N, positions, inputs) of maps (N, m)."""
        conv = self.conv
        assert conv is not None
        write = windows_of_pixels if self.source.channels_last else windows_of_planes
        geometry = (conv.weight.shape[2:], conv.stride, conv.padding, conv.dilation)
        extents = (len(maps), *self.target.shape[1:])
        write(maps.reshape(-1), self.source.shape, *geometry, windows.reshape(-1), extents)
