"""What one tile of a population uses of its core: neurons, memory words, axon entries.

A tile is a box of channels, rows and columns; a vector of N neurons is a map of N channels and one position.
Synapses are stored at their target: a dense matrix as one entry for each source neuron, a convolution as one
entry for each input channel and kernel position, which all positions of the tile share.  Neurons and kernel positions
of which a pooling in front makes one have one entry, since the axon of each says where the entry lies: a pooling takes
no memory, where a population of its own would take neurons, entries and a time step.  The numbers of the storage and
axon models are the chip profile's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, prod
from typing import NamedTuple, Protocol

from spear_deploy.network.synapses import ConvSynapses, Synapses
from spear_deploy.placement.cuts import Cut
from spear_deploy.targets.loihi.profile import AxonRule, LoihiProfile


class Tile(NamedTuple):
    """Extents of a box of neurons."""

    channels: int
    height: int
    width: int

    @property
    def neurons(self) -> int:
        """Neurons in the box."""
        return self.channels * self.height * self.width

    @classmethod
    def of(cls, shape: tuple[int, ...]) -> Tile:
        """Return the box of a whole population: shape (C, H, W) or (N,)."""
        channels, height, width = shape if len(shape) == 3 else (prod(shape), 1, 1)
        return cls(channels, height, width)


class Tiling(NamedTuple):
    """A population cut into ``counts`` parts along each axis, none larger than ``tile``; a core holds one tile.

    Channels and rows are cut evenly, so that a part may be one smaller; columns are cut into full tiles and a rest.
    Where it is cut otherwise ``least`` is the extent of the smallest part along each axis.
    """

    tile: Tile
    counts: Tile
    least: Tile | None = None

    @classmethod
    def of(cls, cuts: Sequence[Cut]) -> Tiling:
        """Return the tiling of these cuts; a strip is charged as the next power of two, or as the whole width."""
        if len(cuts) == 1:
            (units,) = cuts
            return cls(Tile(units.largest, 1, 1), Tile(len(units.sizes), 1, 1), Tile(min(units.sizes), 1, 1))
        channels, rows, columns = cuts
        width = min(1 << (columns.largest - 1).bit_length(), sum(columns.sizes))
        counts, least = (Tile(*(each(cut.sizes) for cut in cuts)) for each in (len, min))
        return cls(Tile(channels.largest, rows.largest, width), counts, least)

    def cuts(self, shape: tuple[int, ...]) -> tuple[Cut, ...]:
        """Return how a population of ``shape`` is cut by default."""
        evenly = tuple(Cut.even(extent, parts) for extent, parts in zip(shape[:2], self.counts, strict=False))
        return (*evenly, Cut.strips(shape[2], self.tile.width)) if len(shape) == 3 else evenly

    @property
    def cores(self) -> int:
        """Number of tiles."""
        return self.counts.neurons

    @property
    def smallest(self) -> Tile:
        """Lower bound of the distance between the beginnings of adjacent tiles."""
        return self.least or Tile(max(1, self.tile.channels - 1), max(1, self.tile.height - 1), self.tile.width)


class CoreUse(NamedTuple):
    """The resources that a core has or a tile uses."""

    neurons: int
    synapse_words: int
    axons_in: int
    axons_out: int

    def exceeds(self, limits: CoreUse) -> tuple[str, ...]:
        """Return the resources of which this is more than ``limits``."""
        return tuple(name for name, used, limit in zip(self._fields, self, limits, strict=True) if used > limit)

    @classmethod
    def limits(cls, chip: LoihiProfile) -> CoreUse:
        """Return what a core has."""
        has = chip.capacity
        neurons, words = has.neurons_per_core.value, has.words_per_core.value
        return cls(neurons, words, has.axons_in_per_core.value, has.axons_out_per_core.value)

    @classmethod
    def limits_of_vectors(cls, chip: LoihiProfile) -> CoreUse | None:
        """Return what a core gives where vectors are cut by a limit of their own; None: there is none."""
        own = chip.capacity.vector_words_per_core
        return None if own is None else cls.limits(chip)._replace(synapse_words=own.value)

    def fractions(self, limits: CoreUse) -> dict[str, float]:
        """Return the share of ``limits`` that this is."""
        return {name: used / limit for name, used, limit in zip(self._fields, self, limits, strict=True)}


class ConnectionShape(Protocol):
    """The shape of the synapses between two populations, without their values."""

    @property
    def source(self) -> str:
        """Name of the population that the synapses leave."""

    @property
    def target(self) -> str:
        """Name of the population that they reach."""

    def words(self, tile: Tile, weight_bits: int, chip: LoihiProfile) -> int:
        """Memory words at a tile of the target."""

    def axons_in(self, tile: Tile, chip: LoihiProfile) -> int:
        """Axon entries at a tile of the target."""

    def axons_out(self, tile: Tile, target: Tiling, chip: LoihiProfile) -> int:
        """Axon entries at a tile of the source."""


def connection_shape(synapses: Synapses, source_shape: tuple[int, ...]) -> ConnectionShape:
    """Reduce synapses to their shape."""
    source = Tile.of(source_shape)
    if not isinstance(synapses, ConvSynapses):
        lists = source.neurons if synapses.windows is None else synapses.windows
        return _Dense(synapses.source, synapses.target, source, lists)
    out_channels, group_inputs, kernel_h, kernel_w = synapses.weight.shape
    rows = _Axis(kernel_h, synapses.stride[0], synapses.dilation[0], source.height, synapses.shared[0])
    columns = _Axis(kernel_w, synapses.stride[1], synapses.dilation[1], source.width, synapses.shared[1])
    group_outputs = out_channels // synapses.groups
    return _Conv(synapses.source, synapses.target, synapses.groups, group_inputs, group_outputs, rows, columns)


def unread_axons_out(tile: Tile, chip: LoihiProfile) -> int:
    """Axon entries of an output population: the chip's output is one more reader of every neuron."""
    return _entries(chip.axons.dense_out, tile, reached=tile.neurons)


@dataclass(frozen=True)
class _Dense:
    source: str
    target: str
    inputs: Tile
    lists: int

    def words(self, tile: Tile, weight_bits: int, chip: LoihiProfile) -> int:
        bits = weight_bits + chip.storage.dense_index_bits.value
        return self.lists * _entry_words(tile.neurons, bits, chip)

    def axons_in(self, tile: Tile, chip: LoihiProfile) -> int:
        return _entries(chip.axons.dense_in, self.inputs, reached=self.inputs.neurons)

    def axons_out(self, tile: Tile, target: Tiling, chip: LoihiProfile) -> int:
        return _entries(chip.axons.dense_out, tile, reached=tile.neurons * target.cores)


@dataclass(frozen=True)
class _Axis:
    """A convolution along one axis of a source that is ``size`` long; ``shared`` adjacent taps are one entry."""

    kernel: int
    stride: int
    dilation: int
    size: int
    shared: int

    @property
    def entries(self) -> int:
        return ceil(self.kernel / self.shared)

    @property
    def span(self) -> int:
        return (self.kernel - 1) * self.dilation + 1

    def receptive(self, length: int) -> int:
        """Source positions that ``length`` adjacent target positions see."""
        return min(self.size, (length - 1) * self.stride + self.span)

    def reached_tiles(self, length: int, tile: int, tiles: int) -> int:
        """Sum, over ``length`` adjacent source positions, of the target tiles each reaches.

        An upper bound: adjacent tiles begin ``tile * stride`` apart or more and share ``overlap`` source positions.
        """
        overlap = max(0, self.span - self.stride)
        borders = min(tiles - 1, ceil((length + overlap - 1) / (tile * self.stride)))
        return length + borders * min(length, overlap)


@dataclass(frozen=True)
class _Conv:
    source: str
    target: str
    groups: int
    group_inputs: int
    group_outputs: int
    rows: _Axis
    columns: _Axis

    def _groups_in(self, channels: int) -> int:
        """Most groups that ``channels`` adjacent target channels belong to."""
        return min(self.groups, ceil((channels - 1) / self.group_outputs) + 1)

    def words(self, tile: Tile, weight_bits: int, chip: LoihiProfile) -> int:
        entries = self._groups_in(tile.channels) * self.group_inputs * self.rows.entries * self.columns.entries
        bits = weight_bits + chip.storage.conv_index_bits.value
        return entries * _entry_words(min(tile.channels, self.group_outputs), bits, chip)

    def axons_in(self, tile: Tile, chip: LoihiProfile) -> int:
        height, width = self.rows.receptive(tile.height), self.columns.receptive(tile.width)
        seen = Tile(self._groups_in(tile.channels) * self.group_inputs, height, width)
        return _entries(chip.axons.conv_in, seen, reached=seen.neurons)

    def axons_out(self, tile: Tile, target: Tiling, chip: LoihiProfile) -> int:
        step, counts = target.smallest, target.counts
        channel_tiles = min(counts.channels, ceil((self.group_outputs - 1) / step.channels) + 1)
        rows = self.rows.reached_tiles(tile.height, step.height, counts.height)
        columns = self.columns.reached_tiles(tile.width, step.width, counts.width)
        reached = tile.channels * channel_tiles * rows * columns
        return _entries(chip.axons.conv_out, tile, reached=reached)


def _entries(rule: AxonRule, box: Tile, reached: int) -> int:
    """Entries for the neurons of ``box``; ``reached`` sums, over these neurons, the cores that each reaches."""
    counts = {
        "neuron": box.neurons,
        "neuron_and_core": reached,
        "position": box.height * box.width,
        "projection": 1,
    }
    return rule.entries.value * counts[rule.per.value]


def _entry_words(synapses: int, bits: int, chip: LoihiProfile) -> int:
    """Words of an entry of ``synapses`` synapses of ``bits`` bits each."""
    header, word = chip.storage.header_bits.value, chip.capacity.word_bits.value
    block = chip.storage.block_synapses.value if chip.storage.block_synapses else synapses
    full, rest = divmod(synapses, block)
    words = full * ceil((header + block * bits) / word)
    return words + ceil((header + rest * bits) / word) if rest else words
