"""Depthwise convolutions, channel by channel, equal those of torch in float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as functional
from hypothesis import given, settings
from hypothesis import strategies as st

from spear_deploy.network.synapses import ConvSynapses, DenseSynapses
from spear_deploy.targets.loihi.emulator.cells import Cells, Layout
from spear_deploy.targets.loihi.emulator.channel_product import ChannelProduct
from tests.strategies import generators


@settings(max_examples=80, deadline=None)
@given(st.data(), generators(), st.sampled_from([np.int16, np.int32]))
def test_sums_are_the_convolution(data, rng, kind):
    """Of any geometry, added within a margin to what is there, for some steps and samples in the midst of others."""

    def pair(low: int, high: int) -> tuple[int, int]:
        return data.draw(st.integers(low, high)), data.draw(st.integers(low, high))

    kernel, stride, padding, dilation = pair(1, 3), pair(1, 3), pair(0, 4), pair(1, 2)
    least = [dilation[i] * (kernel[i] - 1) + 1 for i in (0, 1)]
    channels, extents = (
        data.draw(st.integers(1, 20)),
        tuple(data.draw(st.integers(least[i], least[i] + 6)) for i in (0, 1)),
    )
    weight = rng.integers(-127, 128, (channels, 1, *kernel)).astype(np.int16)
    rows, columns = ((extents[i] + 2 * padding[i] - least[i]) // stride[i] + 1 for i in (0, 1))
    source, shift = Layout((channels, *extents), True), data.draw(st.integers(0, 3))
    cells = Cells(Layout((channels, rows, columns), True), (1, 0, 2, 1))
    synapses = ConvSynapses("w", "in", "p", weight, stride, padding, dilation, channels)
    product = ChannelProduct.of(synapses, source, cells, shift, np.dtype(kind))
    assert product is not None
    spikes = rng.integers(0, 2, (4, 3, channels * extents[0] * extents[1]), np.uint8)
    total = np.full((2, 2, cells.size), 5, kind)
    product.add(spikes, 1, 1, total)
    maps = torch.from_numpy(np.ascontiguousarray(source.view(spikes[1:3, 1:3]))).double().flatten(0, 1)
    y = functional.conv2d(maps, torch.from_numpy(weight).double(), None, stride, padding, dilation, channels)
    expected = y.permute(0, 2, 3, 1).numpy().astype(np.int64) << shift
    inner = cells.inner(total)
    np.testing.assert_array_equal(inner - 5, expected.reshape(inner.shape))
    inner[...] = 5
    assert (total == 5).all()  # the margin is left alone


def test_others_are_none():
    """Planes, several inputs a channel, several outputs, and matrices."""
    pixels, planes, int16 = Layout((4, 3, 3), True), Layout((4, 3, 3), False), np.dtype(np.int16)
    cells = Cells(pixels)

    def conv(outputs: int, inputs: int, groups: int) -> ConvSynapses:
        return ConvSynapses("w", "in", "p", np.ones((outputs, inputs, 1, 1), np.int16), groups=groups)

    assert ChannelProduct.of(conv(4, 1, 4), pixels, cells, 0, int16) is not None
    assert ChannelProduct.of(conv(4, 1, 4), planes, cells, 0, int16) is None
    assert ChannelProduct.of(conv(4, 4, 1), pixels, cells, 0, int16) is None
    assert ChannelProduct.of(conv(8, 1, 4), pixels, Cells(Layout((8, 3, 3), True)), 0, int16) is None
    matrix = DenseSynapses("w", "in", "p", np.ones((36, 36), np.int16))
    assert ChannelProduct.of(matrix, pixels, cells, 0, int16) is None


@pytest.mark.parametrize("stride", [1, 2])
def test_weights_lie_along_a_row(stride):
    layout = Layout((2, 4, 4), True)
    weight = np.arange(18, dtype=np.int16).reshape(2, 1, 3, 3)
    synapses = ConvSynapses("w", "in", "p", weight, (stride,) * 2, (1, 1), groups=2)
    cells = Cells(Layout((2, 4 // stride, 4 // stride), True))
    product = ChannelProduct.of(synapses, layout, cells, 1, np.dtype(np.int16))
    assert product is not None
    np.testing.assert_array_equal(product.weight[1, 2], [10, 28] * (4 // stride))
