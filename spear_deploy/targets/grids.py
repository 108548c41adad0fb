"""Grids: the meaning of a program's integers in the units of the float network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Grid:
    """The float values that integers represent: ``offset + step * integer``.

    Attributes:
        step: broadcast to the integers' shape.
        largest: magnitude of the largest integer that the register holds.
        offset: broadcast likewise.
    """

    step: Array
    largest: int
    offset: Array = field(default_factory=lambda: np.zeros(()))

    def to_float(self, integers: NDArray[Any]) -> Array:
        """Return the float values of integers (..., *shape)."""
        values: Array = self.offset + self.step * integers
        return values

    @property
    def span(self) -> tuple[float, float]:
        """The smallest non-zero magnitude and the largest that can be represented, apart from the offset."""
        return float(np.min(self.step)), float(np.max(self.step)) * self.largest


@dataclass(frozen=True, eq=False)
class Grids:
    """The grids of a program: of ``weights`` by projection, and of ``membranes`` by population.

    A target leaves out what it does not quantise.
    """

    weights: Mapping[str, Grid] = field(default_factory=dict)
    membranes: Mapping[str, Grid] = field(default_factory=dict)
