"""Networks with a trainable factor on the spikes of each unit, and folding the factors into the weights.

Every spike of a unit counts ``factor`` instead of 1 wherever it arrives, its own loop included; the reset is that of a
whole spike.  Units that are pruned together share a factor.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from spear_deploy.network import Conv2d, Flatten, Linear, LinearOp, Network, Scale
from spear_deploy.network.ops import Shape, chain_shapes
from spear_deploy.network.units import UnitGroups, Units, keep_units, unit_groups
from spear_deploy.simulate.cell import Cell, CellState
from spear_deploy.simulate.convolution_layout import Pair
from spear_deploy.simulate.simulator import FloatSimulator

LEAST = 0.1
"""The smallest factor of a kept unit: at 0, all its synapses would vanish (chosen, not measured)."""


class FactorSimulator(FloatSimulator):
    """Runs a network in float with spikes multiplied by ``factors``, (units,) by group, which start at 1.

    They may be replaced before each pass, by leaves of the autograd graph or by tensors computed from leaves.
    """

    def __init__(self, network: Network, groups: UnitGroups) -> None:
        super().__init__(network)
        self.factors: dict[str, Tensor] = {group.name: torch.ones(group.units) for group in groups.groups}
        for group in groups.groups:
            for name in group.populations:
                self._cells[name] = _FactorCell(self._cells[name], group.name, self.factors)


class _FactorCell:
    """A :class:`~spear_deploy.simulate.cell.Cell` whose spikes are multiplied by the factors of its units."""

    def __init__(self, cell: Cell, group: str, factors: Mapping[str, Tensor]) -> None:
        self._cell, self._group, self._factors = cell, group, factors

    def _scaled(self, spikes: Tensor, axis: int) -> Tensor:
        factor = self._factors[self._group].to(spikes.device)
        return spikes * factor.reshape(-1, *(1,) * (spikes.ndim - axis - 1))

    def __call__(self, x: Tensor) -> Tensor:
        return self._scaled(self._cell(x), 2)

    def can_be_fused(self, x: Tensor) -> bool:
        return self._cell.can_be_fused(x)

    def convolved(self, x: Tensor, weight: Tensor, bias: Tensor | None, geometry: tuple[Pair, Pair]) -> Tensor:
        return self._scaled(self._cell.convolved(x, weight, bias, geometry), 2)

    def feed_back(self, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        # What is fed back is weight @ (factor * s): columns are scaled, and the loop stays fused.
        columns = weight * self._factors[self._group].to(weight.device)
        return self._scaled(self._cell.feed_back(x, columns, bias), 2)

    def scan(self, x: Tensor) -> tuple[Tensor, Tensor]:
        spikes, membranes = self._cell.scan(x)
        return self._scaled(spikes, 2), membranes

    def start(self, like: Tensor) -> CellState:
        return self._cell.start(like)

    def membrane(self, state: CellState) -> Tensor:
        return self._cell.membrane(state)

    def step(self, state: CellState, arriving: Tensor) -> tuple[CellState, Tensor]:
        state, spikes = self._cell.step(state, arriving)
        return state, self._scaled(spikes, 1)


def pruned_and_folded(
    network: Network, kept: Mapping[str, Units], factors: Mapping[str, NDArray[Any]] | None = None
) -> Network:
    """Return the network of the ``kept`` units, with the ``factors`` (units,) folded into their outgoing weights.

    Factors closer to 0 than :data:`LEAST` are moved to it.
    """
    pruned = keep_units(network, kept)
    if factors is None:
        return pruned
    least = {
        name: np.where(values < 0, -1.0, 1.0) * np.maximum(np.abs(values), LEAST) for name, values in factors.items()
    }
    return folded(pruned, unit_groups(network), {name: least[name][units] for name, units in kept.items()})


def folded(network: Network, groups: UnitGroups, factors: Mapping[str, NDArray[Any]]) -> Network:
    """Return a network with whole spikes that is equivalent to one with ``factors``: they are in the outgoing weights.

    ``groups`` give the populations that share the factors of a group; a projection without weights is given some.
    """
    shared = {
        name: factors[group.name] for group in groups.groups if group.name in factors for name in group.populations
    }
    projections = tuple(
        replace(p, ops=_folded(p.ops, network[p.source].shape, shared[p.source])) if p.source in shared else p
        for p in network.projections
    )
    return replace(network, projections=projections)


def _folded(ops: Sequence[LinearOp], shape: Shape, factor: NDArray[Any]) -> tuple[LinearOp, ...]:
    """Scale the inputs of the first operation that has weights: those before it treat all channels alike."""
    if np.all(factor == 1):
        return tuple(ops)
    own = factor.astype(np.float32)
    for index, op in enumerate(ops):
        if isinstance(op, Conv2d | Linear):
            return (*ops[:index], _inputs_scaled(op, factor), *ops[index + 1 :])
        if isinstance(op, Flatten):
            factor = np.repeat(factor, prod(chain_shapes(tuple(ops), shape)[index][1:]))
    if len(shape) == 3:
        return (Conv2d(own.reshape(-1, 1, 1, 1), groups=shape[0]), *ops)
    return (Scale(own), *ops)


def _inputs_scaled(op: Conv2d | Linear, factor: NDArray[Any]) -> Conv2d | Linear:
    if isinstance(op, Linear):
        return replace(op, weight=(op.weight * factor).astype(np.float32))
    if op.groups > 1:  # depthwise: the units of other grouped convolutions are in no group
        multiplied = np.repeat(factor, len(op.weight) // op.groups)
        return replace(op, weight=(op.weight * multiplied[:, None, None, None]).astype(np.float32))
    return replace(op, weight=(op.weight * factor[:, None, None]).astype(np.float32))
