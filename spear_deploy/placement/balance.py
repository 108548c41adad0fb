"""Balance the load of the cores: cut populations differently, on no more cores, by the activity of their neurons.

Cores work in parallel and wait for each other at the end of a time step, so the busiest one sets its length.  No
population gets more cores than it had.  The search chooses into how many parts each axis is cut, where rows and columns
are cut, and which channels, or neurons of a vector, share a part.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from spear_deploy.network.ops import Shape
from spear_deploy.placement import Placement, PopulationPlacement
from spear_deploy.placement.cuts import Cut
from spear_deploy.placement.load import Cost, Load
from spear_deploy.placement.placers import Recut

Cuts = tuple[Cut, ...]
Counts = NDArray[np.int64]

_ROUNDS = 8
"""Most passes over the populations.  It usually takes two: the second finds nothing better."""
_TRIED = 24
"""Most cuts of a population that are tried in a pass, those with the least busy cores first."""


def balance(placement: Placement, load: Load, recut: Recut) -> Placement:
    """Return the placement with the least :class:`~spear_deploy.placement.load.Cost` found, or the one given.

    The search is greedy, one population at a time: there may be a better one.
    """
    best = _Chosen({}, placement, load.cost(placement))
    for _ in range(_ROUNDS):
        before = best.cost
        busy = load.of(best.placement).synops
        for each in sorted(best.placement.populations, key=lambda p: -int(busy[_cores(p)].max())):
            if each.cores > 1:
                best = _improved(best, each.name, load, recut)
        if best.cost == before:
            break
    return best.placement


@dataclass(frozen=True)
class _Chosen:
    """Cuts of populations, the placement that they lead to, and its cost."""

    cuts: dict[str, Cuts]
    placement: Placement
    cost: Cost


def _cores(place: PopulationPlacement) -> slice:
    return slice(place.first_core, place.first_core + place.cores)


def _improved(best: _Chosen, name: str, load: Load, recut: Recut) -> _Chosen:
    """Return the best choice that cuts one population differently."""
    place, shape = best.placement.of(name), load.shapes[name]
    arrived = load.arrived[name]
    found = [(_busiest(cuts, arrived), cuts) for cuts in dict.fromkeys(_candidates(place, shape, arrived))]
    worth = [(busiest, cuts) for busiest, cuts in found if busiest <= best.cost.busiest and cuts != place.cuts]
    worth.sort(key=lambda pair: (pair[0], [len(cut.sizes) for cut in pair[1]]))
    for _, cuts in worth[:_TRIED]:
        chosen = {**best.cuts, name: cuts}
        placement = recut(chosen)
        cost = None if placement is None else load.cost(placement)
        if placement is not None and cost is not None and cost < best.cost and cost.busiest <= best.cost.busiest:
            best = _Chosen(chosen, placement, cost)
    return best


def _busiest(cuts: Cuts, arrived: Counts) -> int:
    """Return the SynOps of the part that most arrive at."""
    sums = arrived.reshape([sum(cut.sizes) for cut in cuts])
    for axis, cut in enumerate(cuts):
        ordered = sums.take(cut.order, axis) if cut.order else sums
        sums = np.add.reduceat(ordered, np.cumsum((0, *cut.sizes[:-1])), axis)
    return int(sums.max())


def _candidates(place: PopulationPlacement, shape: Shape, arrived: Counts) -> Iterator[Cuts]:
    """Yield cuts into as many parts as the population has cores, or up to a quarter fewer."""
    if len(shape) == 1:
        yield (_shared_out(arrived, place.cores, place.tile[0]),)
        return
    maps = arrived.reshape(shape)
    of_channels, of_rows, of_columns = maps.sum(axis=(1, 2)), maps.sum(axis=(0, 2)), maps.sum(axis=(0, 1))
    for channels, rows, columns in _splits(shape, place.cores):
        most = -(-shape[0] // channels)
        yield from product(
            dict.fromkeys((Cut.even(shape[0], channels), _shared_out(of_channels, channels, most))),
            dict.fromkeys((Cut.even(shape[1], rows), _in_a_row(of_rows, rows))),
            dict.fromkeys((Cut.even(shape[2], columns), _in_a_row(of_columns, columns))),
        )


def _splits(shape: Shape, cores: int) -> Iterator[tuple[int, int, int]]:
    """Yield numbers of parts along the axes of a map."""
    for channels in range(1, min(shape[0], cores) + 1):
        for rows in range(1, min(shape[1], cores // channels) + 1):
            columns = min(shape[2], cores // (channels * rows))
            if 4 * channels * rows * columns > 3 * cores:
                yield channels, rows, columns


def _shared_out(weights: Counts, parts: int, most: int) -> Cut:
    """Deal positions out to parts of at most ``most``, the heaviest first, each to the lightest part with room."""
    held: list[list[int]] = [[] for _ in range(parts)]
    sums = [0] * parts
    for position in np.argsort(-weights, kind="stable").tolist():
        part = min((p for p in range(parts) if len(held[p]) < most), key=lambda p: (sums[p], len(held[p])))
        held[part].append(position)
        sums[part] += int(weights[position])
    return Cut.by_parts([part for part in held if part])


def _in_a_row(weights: Counts, parts: int) -> Cut:
    """Cut an axis into contiguous, non-empty parts so that the heaviest is as light as possible."""
    low, high = int(weights.max(initial=0)), int(weights.sum())
    while low < high:
        middle = (low + high) // 2
        if len(_filled(weights.tolist(), middle)) <= parts:
            high = middle
        else:
            low = middle + 1
    sizes = _filled(weights.tolist(), low)
    while len(sizes) < parts:  # lighter parts are no heavier
        largest = sizes.index(max(sizes))
        sizes[largest : largest + 1] = [-(-sizes[largest] // 2), sizes[largest] // 2]
    return Cut(tuple(sizes))


def _filled(weights: Iterable[int], most: int) -> list[int]:
    """Return the sizes of contiguous parts that are each filled up to a weight."""
    sizes, held = [0], 0
    for weight in weights:
        if sizes[-1] and held + weight > most:
            sizes.append(0)
            held = 0
        sizes[-1] += 1
        held += weight
    return sizes
