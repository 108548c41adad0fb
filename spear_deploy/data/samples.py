"""Samples that are turned into input over time steps, batch by batch."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from spear_deploy.data.binning import Binning
from spear_deploy.data.coding import Encoding, constant, regular_rate
from spear_deploy.network.ops import Shape

Array = NDArray[Any]

_BLOCK = 1 << 24
"""Bytes that are hashed at a time."""


class Samples(Protocol):
    """Samples of one kind that can be turned into input over time."""

    @property
    def steps(self) -> int:
        """Time steps of a sample."""

    @property
    def shape(self) -> Shape:
        """Shape of one sample in one step."""

    @property
    def maximum(self) -> float:
        """Largest input value."""

    @property
    def integral(self) -> bool:
        """Whether all inputs are integers."""

    def __len__(self) -> int:
        """Number of samples."""

    def batch(self, indices: Array) -> Array:
        """Return (T, B, *shape) for the samples of these indices."""

    @property
    def nbytes(self) -> int:
        """Bytes of memory that all samples take."""

    def digest(self) -> bytes:
        """Return the SHA-256 of everything that determines the batches."""


@dataclass(frozen=True, eq=False)
class ValueSamples:
    """Values (N, *shape) in 0..maximum, coded over ``steps``."""

    values: Array
    steps: int
    encoding: Encoding = "constant"

    @property
    def shape(self) -> Shape:
        """Shape of one sample in one step."""
        return self.values.shape[1:]

    @property
    def maximum(self) -> float:
        """Largest input value."""
        return 1.0 if self.encoding == "rate" else float(self.values.max(initial=0)) or 1.0

    @property
    def integral(self) -> bool:
        """Whether all inputs are integers."""
        return self.encoding == "rate" or bool(np.all(self.values == np.rint(self.values)))

    def __len__(self) -> int:
        return len(self.values)

    def batch(self, indices: Array) -> Array:
        """Return (T, B, *shape)."""
        chosen = self.values[indices]
        return regular_rate(chosen, self.steps) if self.encoding == "rate" else constant(chosen, self.steps)

    @property
    def nbytes(self) -> int:
        """Bytes of memory that all samples take."""
        return self.values.nbytes

    def digest(self) -> bytes:
        """Return the SHA-256 of the values and of how they are coded."""
        return _digest(self.values, coded=(self.steps, self.encoding))


@dataclass(frozen=True, eq=False)
class SpikeSamples:
    """Spikes or event counts (N, T, *shape)."""

    spikes: Array

    @property
    def steps(self) -> int:
        """Time steps."""
        return int(self.spikes.shape[1])

    @property
    def shape(self) -> Shape:
        """Shape of one sample in one step."""
        return self.spikes.shape[2:]

    @property
    def maximum(self) -> float:
        """Largest payload."""
        return float(self.spikes.max(initial=0)) or 1.0

    @property
    def integral(self) -> bool:
        """Whether all inputs are integers."""
        return np.issubdtype(self.spikes.dtype, np.integer) or bool(np.all(self.spikes == np.rint(self.spikes)))

    def __len__(self) -> int:
        return len(self.spikes)

    def batch(self, indices: Array) -> Array:
        """Return (T, B, *shape)."""
        return np.moveaxis(self.spikes[indices], 1, 0)

    @property
    def nbytes(self) -> int:
        """Bytes of memory that all samples take."""
        return self.spikes.nbytes

    def digest(self) -> bytes:
        """Return the SHA-256 of all spikes."""
        return _digest(self.spikes)


@dataclass(frozen=True, eq=False)
class EventSamples:
    """Address events, binned on demand: sample i holds events ``offsets[i]:offsets[i + 1]``.

    Times are microseconds; ``bins`` returns the step of each of a sample's events, and ``steps`` covers the longest
    sample.  Events of one cell and step are counted, up to ``maximum``.
    """

    t: Array
    address: Array
    offsets: Array
    shape: Shape
    bins: Binning
    steps: int
    maximum: float
    integral: bool = True

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def batch(self, indices: Array) -> Array:
        """Return event counts (T, B, *shape)."""
        size = int(np.prod(self.shape))
        counter = np.min_scalar_type(int(self.maximum))
        frames = np.zeros((self.steps, len(indices), size), counter)
        for column, sample in enumerate(indices):
            events = slice(self.offsets[sample], self.offsets[sample + 1])
            np.add.at(frames[:, column], (self.bins(self.t[events]), self.address[events]), 1)
        return frames.reshape(self.steps, len(indices), *self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes of memory that all samples take."""
        return sum(array.nbytes for array in (self.t, self.address, self.offsets))

    def digest(self) -> bytes:
        """Return the SHA-256 of all events and of how they are binned."""
        return _digest(self.t, self.address, self.offsets, coded=(self.shape, self.bins, self.steps))


def _digest(*arrays: Array, coded: object = None) -> bytes:
    """Return the SHA-256 of arrays, their types and shapes, and further facts."""
    digest = hashlib.sha256(repr([coded, *((array.dtype.str, array.shape) for array in arrays)]).encode())
    for array in arrays:
        rows = max(1, _BLOCK // max(1, array[:1].nbytes))
        for start in range(0, len(array), rows):  # an array in another layout is never copied as a whole
            digest.update(np.ascontiguousarray(array[start : start + rows]).data)
    return digest.digest()
