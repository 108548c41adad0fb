"""The bound on out-axons, against a count of every neuron and every core that it reaches."""

from __future__ import annotations

from math import ceil, prod

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from spear_deploy.network.synapses import ConvSynapses, DenseSynapses
from spear_deploy.targets import load_chip
from spear_deploy.targets.loihi.core_use import Tile, Tiling, connection_shape, unread_axons_out

LOIHI1 = load_chip("loihi1")


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


def test_convolution_within_one_core_charges_every_neuron_once():
    """A target that is not cut is one core: the bound is exact."""
    synapses = ConvSynapses("s", "a", "b", np.zeros((4, 2, 3, 3)), padding=(1, 1))
    whole = Tiling(Tile(4, 8, 8), Tile(1, 1, 1))
    assert connection_shape(synapses, (2, 8, 8)).axons_out(Tile(2, 8, 4), whole, LOIHI1) == 2 * 64


def test_matrix_charges_every_neuron_at_every_core():
    """Each neuron reaches all cores of a densely connected target; an output is read once."""
    synapses = DenseSynapses("s", "a", "b", np.zeros((30, 8)))
    cut = Tiling(Tile(10, 1, 1), Tile(3, 1, 1))
    assert connection_shape(synapses, (8,)).axons_out(Tile(4, 1, 1), cut, LOIHI1) == 4 * 3
    assert unread_axons_out(Tile(4, 1, 1), LOIHI1) == 4
