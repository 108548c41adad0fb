"""Which cells a spike of each neuron adds to, and what: the tables of the event-driven sums.

A neuron of a matrix adds a row of the transposed matrix.  A pixel of a map reaches a rectangle of pixels of the
target; its weights depend on the channel and on where the pixel lies relative to the stride, so that a table of
a few blocks serves all positions.  Gaps (dilation, other groups) are filled with zeros.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spear_deploy.network.ops import Shape, window_count
from spear_deploy.network.synapses import ConvSynapses, DenseSynapses, Synapses
from spear_deploy.targets.loihi.emulator.cells import Cells, Layout
from spear_deploy.targets.loihi.emulator.event_kernel import block_kernel, lanes_for, matrix_kernel
from spear_deploy.targets.loihi.emulator.lanes import LANE_BYTES

Index = NDArray[np.int32]

_BLOCK_SOURCES = 64
"""Sources of a matrix that are turned into rows of a table at a time."""


@dataclass(frozen=True, eq=False)
class BlockTable:
    """What the spike of a pixel adds, and where: the arguments of a :func:`block_kernel`, by source neuron.

    A row has ``length`` cells, ``lanes`` of them; ``make`` returns its :attr:`weight`.
    """

    at: Index
    block: Index
    rows: Index
    stride: int
    lanes: int
    length: int
    make: Callable[[], NDArray[Any]]

    @cached_property
    def weight(self) -> NDArray[Any]:
        """The blocks, one after the other, made at first use."""
        return self.make()

    @cached_property
    def lanes_per_spike(self) -> float:
        """Mean number of lanes that a spike adds."""
        return float(self.rows.mean()) * self.lanes

    @property
    def end(self) -> int:
        """The cell behind the last one that is written to."""
        return int(np.max(self.at + (self.rows - 1) * self.stride, where=self.rows > 0, initial=0)) + self.length

    def add(self, spikes: NDArray[Any], step: int, sample: int, total: NDArray[Any]) -> None:
        """Add to ``total`` (S, b, cells) what the spikes (T, B, m) from ``step`` and ``sample`` on cause."""
        kernel = block_kernel(self.lanes)
        kernel(spikes, step, sample, self.at, self.block, self.rows, self.stride, self.weight, total)


@dataclass(frozen=True, eq=False)
class MatrixTable:
    """What the spike of a neuron adds through a matrix: ``rows`` of ``length`` cells, from ``origin`` on."""

    origin: int
    stride: int
    lanes: int
    rows: int
    length: int
    make: Callable[[], NDArray[Any]]

    @cached_property
    def weight(self) -> NDArray[Any]:
        """The weights of each source, (sources, rows, length), made at first use."""
        return self.make()

    @property
    def lanes_per_spike(self) -> float:
        """Number of lanes that a spike adds."""
        return float(self.rows * self.lanes)

    @property
    def end(self) -> int:
        """The cell behind the last one that is written to."""
        return self.origin + (self.rows - 1) * self.stride + self.length

    def add(self, spikes: NDArray[Any], step: int, sample: int, total: NDArray[Any]) -> None:
        """Add to ``total`` (S, b, cells) what the spikes (T, B, m) from ``step`` and ``sample`` on cause."""
        matrix_kernel(self.lanes)(spikes, step, sample, self.origin, self.stride, self.weight, total)


EventTable: TypeAlias = BlockTable | MatrixTable


def event_table(synapses: Synapses, source: Layout, cells: Cells, shift: int, kind: np.dtype[Any]) -> EventTable:
    """Return the table of a projection; weights are ``mantissa << shift`` of type ``kind``."""
    if isinstance(synapses, DenseSynapses):
        return _dense_table(synapses, source, cells, shift, kind)
    return _conv_table(synapses, source, cells, shift, kind)


def _dense_table(synapses: DenseSynapses, source: Layout, cells: Cells, shift: int, kind: np.dtype[Any]) -> MatrixTable:
    layout, lanes = cells.layout, lanes_for(cells.layout.width, kind.itemsize)
    length = lanes * (LANE_BYTES // kind.itemsize)

    def make() -> NDArray[Any]:
        by_target = synapses.weight[layout.order] if layout.channels_last else synapses.weight
        sources = by_target.shape[1]
        weight = np.zeros((sources, layout.rows, length), kind)
        for start in range(0, sources, _BLOCK_SOURCES):
            some = slice(start, min(start + _BLOCK_SOURCES, sources))
            block = by_target[:, source.order[some] if source.channels_last else some].T.astype(kind) << kind.type(
                shift
            )
            weight[some, :, : layout.width] = block.reshape(-1, layout.rows, layout.width)
        return weight

    return MatrixTable(cells.origin, cells.stride, lanes, layout.rows, length, make)


def _conv_table(synapses: ConvSynapses, source: Layout, cells: Cells, shift: int, kind: np.dtype[Any]) -> BlockTable:
    channels, height, width = source.shape
    across, down = _reach(synapses, 1, width), _reach(synapses, 0, height)
    lanes = lanes_for(max(across.span) * cells.pixel, kind.itemsize)
    length = lanes * (LANE_BYTES // kind.itemsize)
    c, y, x = (index.ravel()[source.order] for index in np.indices(source.shape))
    at = cells.origin + down.first[y] * cells.stride + across.first[x] * cells.pixel
    block, rows, end = np.zeros(at.shape, np.int32), np.zeros(at.shape, np.int32), 0
    kinds = []
    for row_kind, column_kind in np.ndindex(len(down.taps), len(across.taps)):
        if not (down.taps[row_kind] and across.taps[column_kind]):
            continue  # pixels that the stride leaves out
        kinds.append((row_kind, column_kind))
        here = (down.kind[y] == row_kind) & (across.kind[x] == column_kind)
        block[here] = end + c[here] * down.span[row_kind] * length
        rows[here] = down.span[row_kind]
        end += channels * down.span[row_kind] * length

    def make() -> NDArray[Any]:
        taps = _taps(synapses, channels) << shift
        blocks: list[NDArray[Any]] = [np.zeros(0, kind)]
        for row_kind, column_kind in kinds:
            weight = np.zeros((channels, down.span[row_kind], across.span[column_kind], cells.pixel), np.int32)
            for ky, row in down.taps[row_kind]:
                for kx, column in across.taps[column_kind]:
                    weight[:, row, column] = taps[:, ky, kx]
            blocks.append(_pad(weight.reshape(*weight.shape[:2], -1), length, kind).ravel())
        return np.concatenate(blocks)

    return BlockTable(at.astype(np.int32), block, rows, cells.stride, lanes, length, make)


def margin(synapses: ConvSynapses, height: int, width: int) -> tuple[int, int, int, int]:
    """Return how many pixels spikes of a map reach beyond the target's: top, bottom, left, right."""
    down, across = _reach(synapses, 0, height), _reach(synapses, 1, width)
    return *_beyond(synapses, 0, height, down), *_beyond(synapses, 1, width, across)


def matrix_of(synapses: ConvSynapses, source: Shape, target: Shape) -> DenseSynapses:
    """Return a convolution between maps of these shapes, of few positions or with a wide kernel, as a matrix."""
    weight = synapses.weight
    taps = _taps(synapses, source[0]).astype(weight.dtype)
    matrix = np.zeros((*target, *source), weight.dtype)
    for oy, ox, ky, kx in np.ndindex(*target[1:], *weight.shape[2:]):
        y = oy * synapses.stride[0] + ky * synapses.dilation[0] - synapses.padding[0]
        x = ox * synapses.stride[1] + kx * synapses.dilation[1] - synapses.padding[1]
        if 0 <= y < source[1] and 0 <= x < source[2]:
            matrix[:, oy, ox, :, y, x] = taps[:, ky, kx].T
    return DenseSynapses(synapses.name, synapses.source, synapses.target, matrix.reshape(prod(target), prod(source)))


class _Reach(NamedTuple):
    """Along one axis: which outputs an input position reaches, and through which taps of the kernel.

    ``first`` and ``kind`` by position; ``span`` (outputs reached) and ``taps`` (tap, output from the first) by kind.
    """

    first: NDArray[np.intp]
    kind: NDArray[np.intp]
    span: list[int]
    taps: list[list[tuple[int, int]]]


def _reach(synapses: ConvSynapses, axis: int, size: int) -> _Reach:
    stride, dilation = synapses.stride[axis], synapses.dilation[axis]
    position = np.arange(size) + synapses.padding[axis]
    extent = synapses.weight.shape[2 + axis]
    by_kind = [[k for k in range(extent) if (kind - k * dilation) % stride == 0] for kind in range(stride)]
    taps = [[(k, (found[-1] - k) * dilation // stride) for k in found] for found in by_kind]
    span = [found[0][1] + 1 if found else 0 for found in taps]
    kind = position % stride
    last = np.array([found[-1] if found else 0 for found in by_kind])
    return _Reach((position - last[kind] * dilation) // stride, kind, span, taps)


def _beyond(synapses: ConvSynapses, axis: int, size: int, reach: _Reach) -> tuple[int, int]:
    outputs = window_count(
        size, synapses.weight.shape[2 + axis], synapses.stride[axis], synapses.padding[axis], synapses.dilation[axis]
    )
    end = reach.first + np.array(reach.span)[reach.kind]
    return max(0, -int(reach.first.min())), max(0, int(end.max()) - outputs)


def _taps(synapses: ConvSynapses, channels: int) -> NDArray[np.int32]:
    """Return the weights (source channels, kH, kW, target channels), zero between groups."""
    outputs, per_group, *kernel = synapses.weight.shape
    taps = np.zeros((channels, *kernel, outputs), np.int32)
    for group, weight in enumerate(np.split(synapses.weight, synapses.groups)):
        sources = slice(group * per_group, (group + 1) * per_group)
        targets = slice(group * len(weight), (group + 1) * len(weight))
        taps[sources, ..., targets] = np.moveaxis(weight, 0, -1)
    return taps


def _pad(weight: NDArray[np.int32], length: int, kind: np.dtype[Any]) -> NDArray[Any]:
    """Fill rows (.., cells) up to ``length`` with zeros."""
    return np.ascontiguousarray(np.pad(weight, ((0, 0), (0, 0), (0, length - weight.shape[2]))), kind)
