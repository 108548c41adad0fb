"""The bound on out-axons, against a count of every neuron and every core that it reaches."""

from __future__ import annotations

from math import ceil, prod

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spear_deploy.network import AvgPool2d, Conv2d, Flatten, Linear
from spear_deploy.network.synapses import ConvSynapses, DenseSynapses, outlines
from spear_deploy.placement.cuts import Cut, part_of_neurons
from spear_deploy.placement.load import Load
from spear_deploy.targets import load_chip
from spear_deploy.targets.loihi.core_use import Tile, Tiling, connection_shape, unread_axons_out
from tests.placement.test_cuts import cuts

LOIHI1, LOIHI2 = load_chip("loihi1"), load_chip("loihi2")


@st.composite
def tilings(draw, shape: tuple[int, int, int]) -> Tiling:
    """Any cut of a map: channels and rows evenly, columns in full tiles and a rest."""
    channels, rows = draw(st.integers(1, shape[0])), draw(st.integers(1, shape[1]))
    width = draw(st.integers(1, shape[2]))
    tile = Tile(ceil(shape[0] / channels), ceil(shape[1] / rows), width)
    return Tiling(tile, Tile(channels, rows, ceil(shape[2] / width)))


def parts(shape: tuple[int, int, int], tiling: Tiling) -> list[list[list[int]]]:
    """For each axis, the indices of each part."""
    channels, rows = (np.array_split(np.arange(shape[axis]), tiling.counts[axis]) for axis in (0, 1))
    columns = np.split(np.arange(shape[2]), range(tiling.tile.width, shape[2], tiling.tile.width))
    return [[part.tolist() for part in axis] for axis in (channels, rows, columns)]


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_convolution_charges_every_core_that_is_reached(data):
    """Entries of a tile are never fewer than its (neuron, target core) pairs, for any cut of both maps."""

    def integers(low: int, high: int) -> int:
        return data.draw(st.integers(low, high))

    kernel, stride, padding, dilation = integers(1, 4), integers(1, 3), integers(0, 2), integers(1, 2)
    groups = integers(1, 3)
    span = (kernel - 1) * dilation + 1
    group_outputs = integers(1, 5)
    source = (2 * groups, integers(span, 10), integers(span, 10))
    target = (group_outputs * groups, *((extent + 2 * padding - span) // stride + 1 for extent in source[1:]))
    weight = np.broadcast_to(0.0, (target[0], 2, kernel, kernel))
    synapses = ConvSynapses("s", "a", "b", weight, (stride,) * 2, (padding,) * 2, (dilation,) * 2, groups)
    a, b = data.draw(tilings(source)), data.draw(tilings(target))

    def sees(axis: int, out: int, index: int) -> bool:
        if axis == 0:
            return out // group_outputs == index // 2
        offset = index - out * stride + padding
        return offset % dilation == 0 and 0 <= offset < span

    # the parts that an index reaches are independent along the axes, so the pairs of a box multiply
    most = prod(
        max(
            sum(any(sees(axis, out, index) for out in part) for index in box for part in parts(target, b)[axis])
            for box in parts(source, a)[axis]
        )
        for axis in range(3)
    )
    entries = LOIHI1.axons.conv_out.entries.value
    assert entries * most <= connection_shape(synapses, source).axons_out(a.tile, b, LOIHI1)


@settings(max_examples=100, deadline=None)
@given(data=st.data(), depthwise=st.booleans(), kernel=st.integers(1, 4), stride=st.integers(1, 3))
def test_cuts_of_any_sizes_charge_every_core_that_is_reached(data, depthwise, kernel, stride):
    """The same where rows and columns are cut anywhere, and channels are dealt out, of whole or depthwise kernels."""
    channels = data.draw(st.integers(1, 6))
    source = (channels, data.draw(st.integers(kernel, 9)), data.draw(st.integers(kernel, 9)))
    outputs = channels if depthwise else data.draw(st.integers(1, 6))
    target = (outputs, *((extent - kernel) // stride + 1 for extent in source[1:]))
    weight = np.ones((outputs, 1 if depthwise else channels, kernel, kernel))
    synapses = ConvSynapses("s", "a", "b", weight, (stride,) * 2, groups=channels if depthwise else 1)

    def drawn(shape: tuple[int, int, int]) -> list[Cut]:
        return [data.draw(cuts(shape[0])), *(data.draw(sizes(extent)) for extent in shape[1:])]

    a, b = drawn(source), drawn(target)
    fired = np.ones(prod(source), np.int64)
    load = Load({"a": source, "b": target}, [synapses], {"b": np.zeros(prod(target), np.int64)}, {"a": fired}, 1)
    reached = load.reaches[0].parts_reached(b)
    most = np.bincount(part_of_neurons(a), weights=reached).max()
    entries = LOIHI1.axons.conv_out.entries.value
    charged = connection_shape(synapses, source).axons_out(Tiling.of(a).tile, Tiling.of(b), LOIHI1)
    assert entries * most <= charged


@st.composite
def sizes(draw, extent: int) -> Cut:
    """Parts of any sizes along an axis."""
    ends = sorted(draw(st.sets(st.integers(1, extent), max_size=extent)) | {extent})
    return Cut(tuple(int(size) for size in np.diff([0, *ends])))


def test_convolution_within_one_core_charges_every_neuron_once():
    """A target that is not cut is one core: the bound is exact."""
    synapses = ConvSynapses("s", "a", "b", np.zeros((4, 2, 3, 3)), padding=(1, 1))
    whole = Tiling(Tile(4, 8, 8), Tile(1, 1, 1))
    assert connection_shape(synapses, (2, 8, 8)).axons_out(Tile(2, 8, 4), whole, LOIHI1) == 2 * 64


@pytest.mark.parametrize("chip", [LOIHI1, LOIHI2], ids=lambda chip: chip.name)
def test_pooling_takes_no_memory(chip):
    """VGG16's 3x3 behind a 2x2 pool is charged as 3x3, not as the 6x6 it composes to; a matrix by its windows."""
    tile = Tile(16, 2, 2)
    pool, conv = AvgPool2d((2, 2), (2, 2)), Conv2d(np.zeros((512, 512, 3, 3), np.float32), None, padding=(1, 1))
    behind, alone = outline((512, 4, 4), pool, conv), outline((512, 2, 2), conv)
    assert behind.weight.shape == (512, 512, 6, 6)
    words = [
        connection_shape(each, shape).words(tile, 8, chip)
        for each, shape in ((behind, (512, 4, 4)), (alone, (512, 2, 2)))
    ]
    assert words[0] == words[1] == words_of_entries(16, 512 * 9, chip.storage.conv_index_bits.value, chip)
    linear = Linear(np.zeros((10, 128), np.float32))
    behind, alone = outline((32, 4, 4), pool, Flatten(), linear), outline((128,), linear)
    pair = [
        connection_shape(each, shape).words(Tile(10, 1, 1), 8, chip)
        for each, shape in ((behind, (32, 4, 4)), (alone, (128,)))
    ]
    assert pair[0] == pair[1] == words_of_entries(10, 128, chip.storage.dense_index_bits.value, chip)


def outline(shape, *ops):
    """The synapses of a chain from a source of this shape."""
    return outlines([("s", "a", "b", ops)], {"a": shape})[0]


def words_of_entries(synapses, entries, index_bits, chip):
    """Entries of 8-bit weights that fill no block."""
    bits = chip.storage.header_bits.value + synapses * (8 + index_bits)
    return entries * ceil(bits / chip.capacity.word_bits.value)


def test_matrix_charges_every_neuron_at_every_core():
    """Each neuron reaches all cores of a densely connected target; an output is read once."""
    synapses = DenseSynapses("s", "a", "b", np.zeros((30, 8)))
    cut = Tiling(Tile(10, 1, 1), Tile(3, 1, 1))
    assert connection_shape(synapses, (8,)).axons_out(Tile(4, 1, 1), cut, LOIHI1) == 4 * 3
    assert unread_axons_out(Tile(4, 1, 1), LOIHI1) == 4
