"""A network read as Speck has it: layers of one kernel, each with the populations that feed it and how they are pooled.

What the chip has no place for is kept beside, for the rules to tell all at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spear_deploy.network import Conv2d, Flatten, Linear, LinearOp, Network, Population, Projection, Scale
from spear_deploy.network.ops import AvgPool2d, Pair, Shape, SumPool2d, chain_shapes

Array = NDArray[np.float32]
Pool = SumPool2d | AvgPool2d


@dataclass(frozen=True, eq=False)
class Feed:
    """One projection: its source's shape as a map, the pooling in front of the kernel, and the kernel.

    Attributes:
        projection: as the network has it.
        shape: of the source, (C, H, W).
        pooled: of what reaches the kernel, (C, H, W).
        pools: in order.
        kernel: the convolution, with all uniform factors, those of mean pooling too, in its weights; None: there is
        none. is_matrix: whether it is a matrix, read as a kernel of the whole map.
        odd: what the chip has no place for, in words.
    """

    projection: Projection
    shape: Shape
    pooled: Shape
    pools: tuple[Pool, ...]
    kernel: Conv2d | None
    is_matrix: bool
    odd: tuple[str, ...]

    @property
    def pool(self) -> Pair:
        """Cells, (y, x), that are summed into one."""
        return tuple(int(np.prod([pool.kernel[axis] for pool in self.pools])) for axis in (0, 1))  # type: ignore[return-value]


@dataclass(frozen=True, eq=False)
class Layer:
    """A population and all that feeds it."""

    population: Population
    feeds: tuple[Feed, ...]

    @property
    def name(self) -> str:
        """Name of the population."""
        return self.population.name

    @property
    def map(self) -> Shape:
        """Shape of the neurons as a map, (C, H, W)."""
        return as_map(self.population.shape)


def as_map(shape: Shape) -> Shape:
    """Return a vector's shape as that of a map of one cell."""
    return shape if len(shape) == 3 else (shape[0], 1, 1)


def layers_of(network: Network) -> tuple[Layer, ...]:
    """Read a network, in order of execution."""
    shapes = network.shapes
    return tuple(
        Layer(p, tuple(read_feed(projection, shapes[projection.source]) for projection in network.into(p.name)))
        for p in network.neurons
    )


def read_feed(projection: Projection, shape: Shape) -> Feed:
    """Read one projection."""
    reader = _Reader(as_map(shape))
    for op, (given, made) in zip(projection.ops, pairwise(chain_shapes(projection.ops, shape)), strict=True):
        reader.take(op, given, made)
    kernel = reader.folded()
    if reader.kernel is None:
        reader.odd.append("no weights")
    pools, odd = tuple(reader.pools), tuple(reader.odd)
    return Feed(projection, as_map(shape), reader.pooled, pools, kernel, reader.is_matrix, odd)


class _Reader:
    """Walks along a chain of operations."""

    def __init__(self, shape: Shape) -> None:
        self.pooled = shape
        self.pools: list[Pool] = []
        self.kernel: Conv2d | None = None
        self.is_matrix = False
        self.odd: list[str] = []
        self._before: Any = np.float32(1)
        self._behind: Any = np.float32(1)

    def take(self, op: LinearOp, given: Shape, made: Shape) -> None:
        """Read the next operation, from an input of this shape."""
        name = type(op).__name__
        match op:
            case Flatten():
                if self.kernel is not None and as_map(made) != given and given[1:] != (1, 1):
                    self.odd.append("a Flatten after the weights")
            case Scale():
                self._scale(op)
            case SumPool2d() | AvgPool2d() if self.kernel is None:
                self._pool(op, made)
            case Conv2d() if self.kernel is None:
                self.kernel = op
            case Linear() if self.kernel is None:
                self.is_matrix = True
                self.kernel = Conv2d(op.weight.reshape(len(op.weight), *self.pooled), op.bias)
            case _:
                self.odd.append(f"a {name} after the weights")

    def folded(self) -> Conv2d | None:
        """Return the kernel with the factors around it in its weights, in float32 as sinabs computes."""
        if self.kernel is None:
            return None
        weight, bias = self.kernel.weight.astype(np.float32), self.kernel.bias
        if np.any(self._before != 1) and self.kernel.groups == 1:
            weight = weight * self._before
        if np.any(self._behind != 1):
            weight = weight * self._behind
            bias = None if bias is None else bias * self._behind.reshape(-1)
        return replace(self.kernel, weight=weight, bias=bias)

    def _pool(self, op: Pool, made: Shape) -> None:
        self.pools.append(op)
        self.pooled = made
        if isinstance(op, AvgPool2d):
            self._before = self._before * np.float32(1 / (op.kernel[0] * op.kernel[1]))

    def _scale(self, op: Scale) -> None:
        channels = self.pooled[0] if self.kernel is None else len(self.kernel.weight)
        by_channel = op.factor.astype(np.float32).reshape(channels, -1)
        if np.ptp(by_channel, axis=1).any():
            self.odd.append("a factor that differs within a map")
        elif self.kernel is None:
            self._before = self._before * by_channel[None, :, :1, None]
        else:
            self._behind = self._behind * by_channel[:, :1, None, None]


def constants_of(network: Network) -> Mapping[str, NDArray[np.float64]]:
    """Return what is added to the membranes of each population in every step, (C, H, W) or (N,): all its biases."""
    return {
        p.name: p.neuron.gain.astype(np.float64) * network.constant_input(p.name) + p.neuron.bias
        for p in network.neurons
    }
