"""Which neuron of the network as it was imported lies on which core: a row for each, for a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from math import prod
from typing import Any

Row = Mapping[str, Any]


def neuron_rows(report: Mapping[str, Any], sources: Mapping[str, Sequence[int]]) -> list[Row]:
    """Return a row for each neuron that a core holds, population by population, neurons in C order of their shape.

    ``sources`` tells, by population, which unit of the network as it was imported each unit is; of a population that it
    lacks (a chip's own, or all where nothing is known) ``source_unit`` is None.
    """
    placed = report["pictures"]["cores"]["populations"]
    return [row for each in placed for row in _rows(each, sources.get(each["name"]))]


def _rows(place: Mapping[str, Any], sources: Sequence[int] | None) -> Iterator[Row]:
    axes = [_parts(*axis) for axis in zip(place["shape"], place["parts"], _widths(place), strict=True)]
    for neuron, parts in enumerate(product(*axes)):
        unit = neuron // prod(place["shape"][1:])
        core = place["first"] + _flat(parts, place["parts"])
        source = None if sources is None else sources[unit]
        yield {"population": place["name"], "neuron": neuron, "unit": unit, "source_unit": source, "core": core}


def _widths(place: Mapping[str, Any]) -> Sequence[int | None]:
    """Return the width of all parts but the last along the columns, which are cut into full tiles and a rest."""
    return [None] * (len(place["shape"]) - 1) + [place["tile"][-1] if len(place["shape"]) == 3 else None]


def _parts(extent: int, parts: int, width: int | None) -> list[int]:
    """Return the part that each position along an axis lies in; without a ``width`` the first ones are the larger."""
    if width is not None:
        return [position // width for position in range(extent)]
    size, larger = divmod(extent, parts)
    return [part for part in range(parts) for _ in range(size + (part < larger))]


def _flat(parts: Sequence[int], counts: Sequence[int]) -> int:
    index = 0
    for part, count in zip(parts, counts, strict=True):
        index = index * count + part
    return index
