"""What is fed into a program: the range of values of an input, and how they become integers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spear_deploy.errors import InputError
from spear_deploy.network.ops import Shape


@dataclass(frozen=True)
class InputRange:
    """What is fed into an input: values 0..``maximum``; ``integral`` if all are integers."""

    maximum: float = 1.0
    integral: bool = True

    @classmethod
    def of(cls, x: NDArray[Any]) -> InputRange:
        """Return the range of samples of any shape."""
        integral = np.issubdtype(x.dtype, np.integer) or x.dtype == bool or bool(np.all(x == np.rint(x)))
        return cls(float(x.max(initial=0)) or 1.0, integral)


@dataclass(frozen=True)
class InputPort:
    """An input population: payloads 0..max_value (1: binary spikes); payload = round(value * scale)."""

    name: str
    shape: Shape
    max_value: int
    scale: float = 1.0

    def encode(self, x: NDArray[Any]) -> NDArray[Any]:
        """Return the integer payloads of values ``x`` (T, ...); a view that is constant over T stays one.

        Raises :class:`InputError` (E039) for values outside 0..max_value / scale, or that are no integers
        where the program takes spikes or counts.
        """
        if len(x) > 1 and x.strides[0] == 0:
            return np.broadcast_to(self.encode(x[:1]), x.shape)
        counts = self.scale == 1.0 and np.issubdtype(x.dtype, np.integer)
        integers = x if counts else np.rint(np.asarray(x, dtype=np.float64) * self.scale)
        if self.scale == 1.0 and not counts and np.any(integers != x):
            message = "values are no integers, but the program was compiled for spikes or counts"
            raise InputError.of("E039", f"input {self.name!r}", message, "code the data as for compiling")
        low, high = integers.min(initial=0), integers.max(initial=0)
        if low < 0 or high > self.max_value:
            largest = self.max_value / self.scale
            message = f"values {low / self.scale:g} to {high / self.scale:g} lie outside 0 to {largest:g}"
            raise InputError.of("E039", f"input {self.name!r}", message, "compile with data that covers the range")
        return integers.astype(np.uint8 if self.max_value < 256 else np.int32, copy=False)
