"""Inputs of a program: the range of their values, and how these become integer payloads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spear_deploy.errors import Finding, InputError
from spear_deploy.network import Input
from spear_deploy.network.ops import Shape
from spear_deploy.recording import as_inputs

_KEPT = 64
"""Most samples that a range keeps."""


@dataclass(frozen=True)
class InputRange:
    """The values of an input: 0..``maximum``; ``integral`` if all are integers.

    ``samples`` (T, N, *shape) are some of them, on which a compiler may measure the network; ``taken_of`` is the number
    of samples over which they were spread; None: they are all.
    """

    maximum: float = 1.0
    integral: bool = True
    samples: NDArray[Any] | None = field(default=None, repr=False, compare=False)
    taken_of: int | None = field(default=None, repr=False, compare=False)

    @classmethod
    def of(cls, x: NDArray[Any]) -> InputRange:
        """Return the range of samples (T, N, *shape)."""
        integral = np.issubdtype(x.dtype, np.integer) or x.dtype == bool or bool(np.all(x == np.rint(x)))
        chosen = np.unique(np.linspace(0, x.shape[1] - 1, min(_KEPT, x.shape[1])).astype(np.intp))
        return cls(float(x.max(initial=0)) or 1.0, integral, x[:, chosen], x.shape[1])

    @property
    def size(self) -> tuple[int, int] | None:
        """Steps and samples of the data that the samples were taken of; None without any."""
        if self.samples is None:
            return None
        return self.samples.shape[0], self.taken_of or self.samples.shape[1]


def input_ranges(
    ports: Iterable[Input], calibration: NDArray[Any] | Mapping[str, NDArray[Any]] | None
) -> dict[str, InputRange]:
    """Return the range of every input: that of its ``calibration`` (steps, samples, *shape), or of spikes without one.

    Raises :class:`InputError` (E005) as :func:`~spear_deploy.recording.as_inputs` does, and for negative values.
    """
    shapes = {port.name: port.shape for port in ports}
    given = {} if calibration is None else as_inputs(shapes, calibration)
    if findings := [_negative(name, x) for name, x in given.items() if x.min(initial=0) < 0]:
        raise InputError(findings)
    return {name: InputRange.of(given[name]) if name in given else InputRange() for name in shapes}


def _negative(name: str, x: NDArray[Any]) -> Finding:
    message = f"holds negative values, down to {float(x.min()):g} ({np.mean(x < 0):.0%} of all)"
    fix = (
        "a chip takes inputs of 0 and above: events with a sign are two channels; of values that training normalised "
        "give the raw ones, which deploy(normalise=(MEAN, STD)) takes"
    )
    return Finding("E005", f"input {name!r}", message, fix)


def refuse_unlike(sizes: Mapping[str, tuple[int, int]]) -> None:
    """Raise :class:`InputError` (E005) unless all inputs have the same numbers of steps and samples, given by name.

    The k-th samples of all inputs are fed in together.
    """
    findings = []
    for name, (steps, samples) in sizes.items():
        first, wanted = next(iter(sizes.items()))
        if (steps, samples) != wanted:
            message = f"has {steps} steps of {samples} samples, input {first!r} has {wanted[0]} of {wanted[1]}"
            findings.append(Finding("E005", f"input {name!r}", message, "give the same samples of every input"))
    if findings:
        raise InputError(findings)


@dataclass(frozen=True)
class InputPort:
    """An input population: payloads min_value..max_value (0 and 1: binary spikes); payload = round(value * scale).

    Values up to ``largest``, where it is given, are clipped to the largest payload.
    """

    name: str
    shape: Shape
    max_value: int
    scale: float = 1.0
    largest: float | None = None
    min_value: int = 0

    def count_clipped(self, x: NDArray[Any]) -> int:
        """Return how many values ``x`` (T, ...) :meth:`encode` clips to the largest payload."""
        if self.largest is None:
            return 0
        if len(x) > 1 and x.strides[0] == 0:
            return len(x) * self.count_clipped(x[:1])
        return int(np.count_nonzero(np.rint(np.asarray(x, np.float64) * self.scale) > self.max_value))

    def encode(self, x: NDArray[Any]) -> NDArray[Any]:
        """Return the integer payloads of values ``x`` (T, ...); a view that is constant over T stays one.

        Raises :class:`InputError` (E039) for values outside min_value..max_value, over scale, or that are not integers
        where the program takes spikes or counts.
        """
        if len(x) > 1 and x.strides[0] == 0:
            return np.broadcast_to(self.encode(x[:1]), x.shape)
        counts = self.scale == 1.0 and np.issubdtype(x.dtype, np.integer)
        scaled = x if self.scale == 1.0 else np.asarray(x, dtype=np.float64) * self.scale
        integers = scaled if counts else np.rint(scaled)
        if self.scale == 1.0 and not counts and np.any(integers != x):
            message = "values are not integers, but the program was compiled for spikes or counts"
            raise InputError.of("E039", f"input {self.name!r}", message, "code the data as for compiling")
        if self.largest is not None:
            integers = np.where(x <= self.largest, np.minimum(integers, self.max_value), integers)
        low, high = integers.min(initial=0), integers.max(initial=0)
        if low < self.min_value or high > self.max_value:
            largest = self.max_value / self.scale if self.largest is None else self.largest
            # Adding 0 turns the -0.0 that small negative values round to into 0.
            least = self.min_value / self.scale
            found = f"{low / self.scale + 0.0:g} to {high / self.scale + 0.0:g}"
            message = f"values {found} lie outside {least:g} to {largest:g}"
            raise InputError.of("E039", f"input {self.name!r}", message, "compile with data that covers the range")
        is_byte = 0 <= self.min_value <= self.max_value < 256
        return integers.astype(np.uint8 if is_byte else np.int32, copy=False)
