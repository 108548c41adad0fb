"""How a population is cut along the axes of its shape: which part, and therefore which core, a neuron belongs to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Cut:
    """An axis in parts of ``sizes`` positions.

    ``order`` lists the positions part by part, ascending within each; () where parts follow one another along the axis.
    """

    sizes: tuple[int, ...]
    order: tuple[int, ...] = ()

    @classmethod
    def even(cls, extent: int, parts: int) -> Cut:
        """Cut into equal parts, of which the first are one larger where the extent leaves a rest."""
        size, larger = divmod(extent, parts)
        return cls((size + 1,) * larger + (size,) * (parts - larger))

    @classmethod
    def strips(cls, extent: int, width: int) -> Cut:
        """Cut into parts of one width, and a rest."""
        full, rest = divmod(extent, width)
        return cls((width,) * full + ((rest,) if rest else ()))

    @classmethod
    def by_parts(cls, parts: Sequence[Sequence[int]]) -> Cut:
        """Return the cut into these lists of positions."""
        return cls(tuple(map(len, parts)), tuple(position for part in parts for position in sorted(part)))

    @property
    def largest(self) -> int:
        """Positions of the largest part."""
        return max(self.sizes)

    @property
    def part_of(self) -> NDArray[np.int64]:
        """The part of each position: (extent,)."""
        parts = np.repeat(np.arange(len(self.sizes)), self.sizes)
        if not self.order:
            return parts
        found = np.empty_like(parts)
        found[list(self.order)] = parts
        return found


def part_of_neurons(cuts: Sequence[Cut]) -> NDArray[np.int64]:
    """Return the part of each neuron, counted in C order of the parts: (neurons,), neurons in C order of the shape."""
    index = np.zeros((), np.int64)
    for cut in cuts:
        index = index[..., None] * len(cut.sizes) + cut.part_of
    return index.ravel()


def whole(shape: Sequence[int]) -> tuple[Cut, ...]:
    """Return the cuts of a population on a single core."""
    return tuple(Cut((extent,)) for extent in shape)
