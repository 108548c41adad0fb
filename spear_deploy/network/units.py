"""Units that are pruned together, and their removal.

A *unit* is a channel of a map or a neuron of a vector.  Populations that are tied channel by channel (by a
projection without mixing weights: identity skips, pooling, depthwise convolutions) form one group: a unit
of the group is removed from all of them.  Removing units slices rows of the incoming and columns of the
outgoing projections and the per-neuron parameters; it equals silencing those neurons, exactly.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import prod
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from spear_deploy.network.graph import Input, Network, Population, Projection
from spear_deploy.network.ops import Conv2d, Flatten, Linear, LinearOp, Scale, Shape, chain_shapes

Units: TypeAlias = NDArray[np.intp]


@dataclass(frozen=True)
class Group:
    """Populations whose units are removed together; the first one names the group."""

    populations: tuple[str, ...]
    units: int

    @property
    def name(self) -> str:
        """Name of the group: its first population in execution order."""
        return self.populations[0]


def widest(units: int, fits: Callable[[int], bool], least: int = 1) -> int | None:
    """Return the largest width below ``units`` that fits, ``least`` or more; None where none does.

    By bisection, as if whatever is narrower than a width that fits fitted too.
    """
    removed = range(1, units - least + 1)
    fewest = bisect_left(removed, True, key=lambda gone: fits(units - gone))
    return units - removed[fewest] if fewest < len(removed) else None


@dataclass(frozen=True)
class UnitGroups:
    """The prunable groups in execution order, and why the other populations are left whole."""

    groups: tuple[Group, ...]
    frozen: Mapping[str, str]


def unit_groups(network: Network) -> UnitGroups:
    """Find the groups of a network."""
    parent = {population.name: population.name for population in network.populations}

    def root(name: str) -> str:
        while parent[name] != name:
            name = parent[name]
        return name

    frozen: dict[str, str] = {population.name: "it is an input" for population in network.inputs}
    frozen |= dict.fromkeys(network.outputs, "it is an output")
    for projection in network.projections:
        link = _link(projection, network[projection.source], network[projection.target])
        for name, reason in link.frozen.items():
            frozen.setdefault(name, f"projection {projection.name!r} {reason}")
        if link.tied:
            first, second = sorted((root(projection.source), root(projection.target)), key=network.order.index)
            parent[second] = first
    members: dict[str, list[str]] = {}
    for name in network.order:
        members.setdefault(root(name), []).append(name)
    groups = []
    for names in members.values():
        reasons = [(name, frozen[name]) for name in names if name in frozen]
        if not reasons:
            groups.append(Group(tuple(names), network[names[0]].shape[0]))
        for name in names if reasons else ():
            frozen.setdefault(name, f"it is tied to {reasons[0][0]!r}, and {reasons[0][1]}")
    return UnitGroups(tuple(groups), frozen)


def keep_units(network: Network, kept: Mapping[str, Units]) -> Network:
    """Return the network with only the ``kept`` units (sorted indices) of each group named.

    Raises :class:`ValueError` for an unknown group or an empty selection: an empty population has no
    meaning on a chip.  What is left was not trained on integers, even if the whole was.
    """
    groups = {group.name: group for group in unit_groups(network).groups}
    selection: dict[str, Units] = {}
    for name, units in kept.items():
        if name not in groups:
            raise ValueError(f"{name!r} is not a prunable group")
        if not len(units):
            raise ValueError(f"group {name!r} would lose all its units")
        selection |= dict.fromkeys(groups[name].populations, units)
    populations = tuple(_keep_population(p, selection.get(p.name)) for p in network.populations)
    projections = tuple(
        _keep_projection(p, network[p.source].shape, selection.get(p.source), selection.get(p.target))
        for p in network.projections
    )
    return replace(network, populations=populations, projections=projections)


def kept_by_population(network: Network, kept: Mapping[str, Units]) -> dict[str, Units]:
    """Return the units that populations keep, by name, of which a group loses units; the others stay whole."""
    groups = [group for group in unit_groups(network).groups if group.name in kept]
    return {name: kept[group.name] for group in groups for name in group.populations}


def kept_neurons(network: Network, kept: Mapping[str, Units]) -> dict[str, Units]:
    """Return the neurons, in C order, that populations keep of which a group loses units; the others stay whole."""
    found = {}
    for group in unit_groups(network).groups:
        for name in group.populations if group.name in kept else ():
            of_units = np.arange(network[name].size).reshape(group.units, -1)
            found[name] = of_units[kept[group.name]].ravel()
    return found


@dataclass(frozen=True)
class _Link:
    """The effect of a projection on the units at its ends: ``frozen`` gives the reason by population."""

    tied: bool
    frozen: Mapping[str, str]


def _link(projection: Projection, source: Input | Population, target: Input | Population) -> _Link:
    ops, both = projection.ops, (source.name, target.name)
    if any(isinstance(op, Conv2d) and op.groups > 1 and not _is_depthwise(op) for op in ops):
        return _Link(False, dict.fromkeys(both, "is a grouped convolution"))
    mixing = [index for index, op in enumerate(ops) if _mixes(op)]
    frozen: dict[str, str] = {}
    if mixing and any(isinstance(op, Conv2d) and op.bias is not None for op in ops[: mixing[0]]):
        frozen[source.name] = "adds a bias before it mixes"  # what a silent unit would still send on
    last = mixing[-1] + 1 if mixing else 0
    tail = zip(ops[last:], chain_shapes(ops, source.shape)[last:], strict=False)
    flattened = any(isinstance(op, Flatten) and prod(shape[1:]) > 1 for op, shape in tail)
    if flattened:
        frozen |= dict.fromkeys(both[1:] if mixing else both, "is flattened just before it")
    return _Link(not mixing and not flattened, frozen)


def _mixes(op: LinearOp) -> bool:
    return isinstance(op, Linear) or (isinstance(op, Conv2d) and not _is_depthwise(op))


def _is_depthwise(op: Conv2d) -> bool:
    return op.groups > 1 and op.groups == op.weight.shape[0] and op.weight.shape[1] == 1


def _keep_population(population: Input | Population, units: Units | None) -> Input | Population:
    if units is None or isinstance(population, Input):  # inputs are never pruned
        return replace(population, resolution=None)
    return replace(
        population, resolution=None, shape=(len(units), *population.shape[1:]), neuron=population.neuron.take(units)
    )


def _keep_projection(projection: Projection, shape: Shape, source: Units | None, target: Units | None) -> Projection:
    """Slice a chain: inputs up to its first mixing operation, outputs from its last one on."""
    ops = projection.ops
    mixing = [index for index, op in enumerate(ops) if _mixes(op)]
    first, last = (mixing[0], mixing[-1]) if mixing else (len(ops), -1)
    shapes = chain_shapes(ops, shape)
    carried = source
    kept: list[LinearOp] = []
    for index, op in enumerate(ops):
        if target is not None and mixing and index >= last:  # first: whole rows are copied faster than columns
            op = _keep_outputs(op, target)  # noqa: PLW2901
        if carried is not None and index <= first:
            if isinstance(op, Flatten):
                block = prod(shapes[index][1:])
                carried = (carried[:, None] * block + np.arange(block)).reshape(-1)
            else:
                op = _keep_inputs(op, carried)  # noqa: PLW2901
        kept.append(op)
    return replace(projection, ops=tuple(kept))


def _keep_inputs(op: LinearOp, units: Units) -> LinearOp:
    match op:
        case Conv2d() if _is_depthwise(op):
            return _keep_outputs(op, units)
        case Linear() | Conv2d():
            return replace(op, weight=op.weight.take(units, axis=1))
        case Scale():
            return replace(op, factor=op.factor[units])
        case _:
            return op


def _keep_outputs(op: LinearOp, units: Units) -> LinearOp:
    match op:
        case Linear() | Conv2d():
            bias = None if op.bias is None else op.bias[units]
            if isinstance(op, Conv2d) and _is_depthwise(op):
                return replace(op, weight=op.weight[units], bias=bias, groups=len(units))
            return replace(op, weight=op.weight[units], bias=bias)
        case Scale():
            return replace(op, factor=op.factor[units])
        case _:
            return op
