"""A program as flat arrays: what the kernels walk along.

Neurons of all layers are numbered one after the other, a layer's in the order (H, W, C), so that the weights that an
event
adds to a row of the map lie in a row of memory as well; inputs follow, each in its own order (C, H, W).  Where the
events of each neuron land is looked up; nothing is divided while events are handled.

A kernel is stored for each channel and each phase of the stride as (rows, columns, F), both extents reversed: event y
meets output row o with the kernel's row y + padding - stride * o, which falls as o rises.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from spear_deploy.network.ops import Shape
from spear_deploy.targets.speck.layers import as_map
from spear_deploy.targets.speck.program import SpeckLayer, SpeckProgram

Ints = NDArray[np.int64]

MARGIN = 128
"""The largest step that one weight or bias takes: so far within its register a membrane is held."""


class LayerRow(NamedTuple):
    """Columns of :attr:`Tables.layers`.

    ``first`` is a layer's first neuron, ``width`` the neurons in a row of its map, ``line`` the weights in a row of its
    kernels; ``zeroes`` says whether a spike sets the membrane to 0, ``ticks`` whether there are biases, ``sends``
    whether spikes go on to other layers.
    """

    first: int
    size: int
    width: int
    line: int
    threshold: int
    low: int
    zeroes: int
    ticks: int
    sends: int


@dataclass(frozen=True, eq=False)
class Tables:
    """All of a program that kernels need.

    Attributes:
        first: the landings of neuron n are ``first[n] .. first[n + 1] - 1``: one for each layer that its events reach.
        landings: (landings, 5) int32: the layer, its first neuron and the first weight that meet, rows, neurons in a
        row. layers: (layers, 9), as :class:`LayerRow`.
        bias: of every neuron, int32.
        weight: of all layers, of the type that membranes have: 16 bits, as on the chip, where no single step leaves
        them. neurons: of all layers.
    """

    first: Ints
    landings: NDArray[np.int32]
    layers: Ints
    bias: NDArray[np.int32]
    weight: NDArray[np.integer]
    neurons: int


def tables_of(program: SpeckProgram) -> Tables:
    """Write a program as tables."""
    layers = program.populations
    sizes = [layer.size for layer in layers]
    first = np.concatenate([[0], np.cumsum(sizes)])
    kernels = [_phased(layer).ravel() for layer in layers]
    starts = np.concatenate([[0], np.cumsum([len(each) for each in kernels])])
    rows = []
    for layer, begin in zip(layers, first, strict=False):
        channels, _, width = as_map(layer.shape)
        kinds = (layer.reset == "zero", layer.bias is not None, _feeds_any(program, layer.name))
        row = LayerRow(begin, layer.size, width * channels, _line(layer), layer.threshold, layer.low, *kinds)
        rows.append(row)
    bias = [np.zeros(len(layer.weight), np.int32) if layer.bias is None else layer.bias for layer in layers]
    spread = [np.tile(values, layer.size // len(values)) for values, layer in zip(bias, layers, strict=True)]
    ends, landings = _landings(program, rows, starts)
    weight = np.concatenate(kernels).astype(_membrane(layers))
    return Tables(ends, landings, np.array(rows, np.int64), np.concatenate(spread), weight, int(first[-1]))


def _feeds_any(program: SpeckProgram, name: str) -> bool:
    return any(source.population == name for layer in program.populations for source in layer.sources)


def _membrane(layers: tuple[SpeckLayer, ...]) -> type[np.integer]:
    """Return the type of the membranes: 16 bits, as on the chip, where no single step leaves them."""
    register = np.iinfo(np.int16)
    fits = all(layer.threshold <= register.max - MARGIN and layer.low >= register.min + MARGIN for layer in layers)
    return np.int16 if fits else np.int32


def _landings(program: SpeckProgram, rows: list[LayerRow], starts: Ints) -> tuple[Ints, NDArray[np.int32]]:
    """Return where the events of every neuron land, and the neurons' places in that list."""
    counts, found = [], []
    for name in [*(layer.name for layer in program.populations), *(port.name for port in program.inputs)]:
        shape = as_map(program.shapes[name])
        of_layer = name in {layer.name for layer in program.populations}
        parts = []
        for number, layer in enumerate(program.populations):
            for source in (each for each in layer.sources if each.population == name):
                parts.append(_landing(layer, shape, source.pool, number, rows[number], int(starts[number])))
        table = np.stack(parts, axis=-2) if parts else np.zeros((*shape, 0, 5), np.int64)  # (C, H, W, links, 5)
        table = table.transpose(1, 2, 0, 3, 4) if of_layer else table
        table = table.reshape(prod(shape), *table.shape[3:])
        lands = table[..., 3] * table[..., 4] > 0
        counts.append(lands.sum(axis=1))
        found.append(table[lands])
    first = np.concatenate([[0], np.cumsum(np.concatenate(counts))])
    return first, np.concatenate(found).astype(np.int32)


def _landing(layer: SpeckLayer, shape: Shape, pool: int, number: int, row: LayerRow, start: int) -> Ints:
    """Return where the events of each cell of a source land: (C, H, W, 5)."""
    features = len(layer.weight)
    down, across = (_along(layer, shape, pool, axis) for axis in (0, 1))
    channel = np.arange(shape[0])[:, None, None] * _kernel_size(layer)
    y, x = down[None, :, None], across[None, None, :]
    parts = (
        number,
        row.first + y[..., 0] * row.width + x[..., 0] * features,
        start + channel + y[..., 2] + x[..., 2],
        y[..., 1],
        x[..., 1] * features,
    )
    return np.stack([np.broadcast_to(part, shape) for part in parts], axis=-1)


def _taps(layer: SpeckLayer, axis: int) -> int:
    """Return how many kernel rows (columns) an event meets at most."""
    return -(-int(layer.weight.shape[2 + axis]) // layer.stride[axis])


def _line(layer: SpeckLayer) -> int:
    return _taps(layer, 1) * len(layer.weight)


def _kernel_size(layer: SpeckLayer) -> int:
    """Return how many places the kernels of one channel take, in all phases."""
    return layer.stride[0] * layer.stride[1] * _taps(layer, 0) * _line(layer)


def _phased(layer: SpeckLayer) -> Ints:
    """Return the weights (C, phase y, phase x, rows, columns, F), reversed within a phase; what a phase lacks is 0."""
    features, channels, height, width = layer.weight.shape
    down, across = layer.stride
    rows, columns = _taps(layer, 0), _taps(layer, 1)
    whole = np.zeros((features, channels, rows * down, columns * across), np.int64)
    whole[:, :, :height, :width] = layer.weight
    split = whole.reshape(features, channels, rows, down, columns, across)[:, :, ::-1, :, ::-1]
    phased: Ints = np.ascontiguousarray(split.transpose(1, 3, 5, 2, 4, 0))
    return phased


def _along(layer: SpeckLayer, shape: Shape, pool: int, axis: int) -> Ints:
    """Return where the events of each row (axis 0) or column (1) of a source land, (coordinates, 3).

    That is the first row (column) of the layer that they reach, how many, and the first weight's place in a kernel.
    """
    stride, padding, kernel = layer.stride[axis], layer.padding[axis], layer.weight.shape[2 + axis]
    reached, taps = as_map(layer.shape)[1 + axis], _taps(layer, axis)
    step = _line(layer) if axis == 0 else len(layer.weight)
    phases = _taps(layer, 0) * _line(layer) * (layer.stride[1] if axis == 0 else 1)
    found = np.zeros((shape[1 + axis], 3), np.int64)
    for cell in range(shape[1 + axis] // pool * pool):  # the rest of a map is dropped by pooling
        place = cell // pool + padding
        phase, last = place % stride, place // stride
        begin = max(0, last - (-(-(kernel - phase) // stride)) + 1)
        count = min(reached - 1, last) - begin + 1
        if kernel > phase and count > 0:
            found[cell] = begin, count, phase * phases + (begin - (last - taps + 1)) * step
    return found
