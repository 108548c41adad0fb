"""The integer network of one Speck chip."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spear_deploy.network.fan_out import FanOut, fan_out
from spear_deploy.network.ops import Conv2d, Flatten, Linear, LinearOp, Pair, Shape, SumPool2d
from spear_deploy.network.synapses import ConvSynapses, Synapses, compose
from spear_deploy.targets.ports import InputPort
from spear_deploy.targets.speck.layers import as_map

IntArray: TypeAlias = NDArray[np.int32]
Reset: TypeAlias = Literal["subtract", "zero"]


@dataclass(frozen=True, eq=False)
class Originals:
    """The floats that a layer's integers were made from, float32, to compare with another discretisation.

    ``weight`` (F, C, k, k), mean pooling divided out already; ``bias`` (F,) or None.
    """

    weight: NDArray[np.float32]
    bias: NDArray[np.float32] | None
    threshold: float
    low: float


@dataclass(frozen=True)
class Source:
    """A population that feeds a layer through a projection; ``pool`` x ``pool`` of its cells are summed into one."""

    projection: str
    population: str
    pool: int


@dataclass(frozen=True, eq=False)
class SpeckLayer:
    """Neurons and the kernel before them, which all sources share.

    ``weight`` (F, C, k, k) and ``bias`` (F,) or None, ``threshold`` and ``low``, the lower limit of the membrane, are
    on one ``scale``: integers per float unit.  ``core`` holds the layer.  A layer behind vectors, or with a vector of
    neurons, sees maps of one cell.
    """

    name: str
    shape: Shape
    core: int
    sources: tuple[Source, ...]
    weight: IntArray
    bias: IntArray | None
    stride: Pair
    padding: Pair
    threshold: int
    low: int
    reset: Reset
    scale: float
    originals: Originals

    @property
    def size(self) -> int:
        """Number of neurons."""
        return prod(self.shape)

    @property
    def is_readout(self) -> bool:
        """No: every neuron fires."""
        return False

    def chain(self, source: Source, shape: Shape) -> tuple[LinearOp, ...]:
        """Return the operations of a projection from a source of ``shape``, with integers."""
        pool = (SumPool2d((source.pool,) * 2, (source.pool,) * 2),) if source.pool > 1 else ()
        if len(self.shape) == 3:
            return (*pool, Conv2d(self.weight.astype(np.float64), None, self.stride, self.padding))
        matrix = Linear(self.weight.reshape(len(self.weight), -1).astype(np.float64))
        return (*pool, Flatten(), matrix) if len(shape) == 3 else (matrix,)


@dataclass(frozen=True, eq=False)
class SpeckProgram:
    """What runs on the chip; layers in order of execution."""

    chip: str
    inputs: tuple[InputPort, ...]
    populations: tuple[SpeckLayer, ...]
    outputs: tuple[str, ...]

    @property
    def target(self) -> str:
        """Name of the target."""
        return "speck"

    @property
    def shapes(self) -> dict[str, Shape]:
        """Shape of every input and population."""
        return {port.name: port.shape for port in self.inputs} | {layer.name: layer.shape for layer in self.populations}

    @cached_property
    def synapses(self) -> tuple[Synapses, ...]:
        """Integer synapses of every projection, pooling composed into them."""
        chains = (
            (source.projection, source.population, layer.name, layer.chain(source, self.shapes[source.population]))
            for layer in self.populations
            for source in layer.sources
        )
        return compose(chains, self.shapes)

    @property
    def counted(self) -> frozenset[str]:
        """All: an input of 3 is three events, and a neuron may fire several times a step."""
        return frozenset(self.shapes)

    @cached_property
    def fan_outs(self) -> tuple[FanOut, ...]:
        """What an event costs: a synaptic operation for each weight of the kernel that lands in the map, zero or
        not."""
        found = []
        for layer in self.populations:
            for source in layer.sources:
                shape = as_map(self.shapes[source.population])
                every = _reach(layer, source.pool, shape).ravel()
                found.append(FanOut(source.projection, source.population, layer.name, every, every))
        return tuple(found)

    def integers(self) -> dict[str, Any]:
        """Return the integers by the names of the network."""
        fields = ("core", "weight", "bias", "threshold", "low", "scale")
        layers = {layer.name: {name: getattr(layer, name) for name in fields} for layer in self.populations}
        return {
            "chip": self.chip,
            "layers": {name: {k: v for k, v in each.items() if v is not None} for name, each in layers.items()},
        }


def _reach(layer: SpeckLayer, pool: int, shape: Shape) -> NDArray[np.int64]:
    """Return how many weights an event of each cell meets, (C, H, W): those of its pooled cell, none where it is
    cropped."""
    channels, height, width = shape[0], shape[1] // pool, shape[2] // pool
    pooled = ConvSynapses("", "source", "", np.ones(layer.weight.shape), layer.stride, layer.padding)
    cells = fan_out(pooled, {"source": (channels, height, width)}).every.reshape(channels, height, width)
    reach = np.zeros(shape, np.int64)
    spread = cells.repeat(pool, axis=1).repeat(pool, axis=2)
    reach[:, : spread.shape[1], : spread.shape[2]] = spread
    return reach
