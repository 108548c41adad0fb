"""Table of all neurons: the core of each, and its unit in the network as imported."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import prod
from typing import Any

from spear_deploy.placement.cuts import Cut, part_of_neurons

Row = Mapping[str, Any]


def neuron_rows(report: Mapping[str, Any], sources: Mapping[str, Sequence[int]]) -> list[Row]:
    """Return a row for each neuron that a core holds, population by population, neurons in C order of their shape.

    ``sources`` tells, by population, which unit of the network as it was imported each unit is; of a population that it
    lacks (a chip's own, or all where nothing is known) ``source_unit`` is None.
    """
    placed = report["pictures"]["cores"]["populations"]
    return [row for each in placed for row in _rows(each, sources.get(each["name"]))]


def _rows(place: Mapping[str, Any], sources: Sequence[int] | None) -> Iterator[Row]:
    cuts = [Cut(tuple(cut["sizes"]), tuple(cut["order"])) for cut in place["cuts"]]
    for neuron, part in enumerate(part_of_neurons(cuts).tolist()):
        unit = neuron // prod(place["shape"][1:])
        source = None if sources is None else sources[unit]
        core = place["first"] + part
        yield {"population": place["name"], "neuron": neuron, "unit": unit, "source_unit": source, "core": core}
