"""How maps lie in memory changes nothing of what neurons and matrices do with them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from benchmarks.networks import events_conv
from spear_deploy.simulate.cell import Cell
from spear_deploy.simulate.layout import as_row, as_rows, from_rows, has_channels_last, with_channels_last
from spear_deploy.simulate.products import linear
from spear_deploy.simulate.simulator import FloatSimulator
from spear_deploy.targets import InputRange, LoweringOptions, compiler_for, load_chip
from tests.strategies import generators, neuron

SHAPE = (3, 4, 5)


def last(x: Tensor) -> Tensor:
    """The same (T, B, C, H, W) with channels last in memory."""
    return with_channels_last(x.flatten(0, 1)).unflatten(0, x.shape[:2])


def gradient(function, x: Tensor) -> tuple[Tensor, Tensor]:
    """What a function gives, and the gradient of its weighted sum."""
    x = x.detach().requires_grad_()
    y = function(x)
    (y * torch.arange(y.numel()).view(y.shape).cos()).sum().backward()
    return y.detach(), x.grad


def test_rows_are_the_memory_of_maps():
    """Rows are a view, and lead back to the same maps; a value of each neuron goes along."""
    x = last(torch.randn(2, 7, *SHAPE))
    rows = as_rows(x)
    assert has_channels_last(x)
    assert rows.is_contiguous()
    assert rows.data_ptr() == x.data_ptr() == from_rows(rows, x).data_ptr()
    assert torch.equal(from_rows(rows, x), x)
    assert from_rows(rows, x).stride() == x.stride()
    assert torch.equal(as_row(x[1, 3], x), rows[1, 3])


@pytest.mark.parametrize("x", [torch.randn(2, 3, 60), torch.randn(2, 3, *SHAPE), torch.randn(2, 3, 1, 4, 5)])
def test_other_arrays_stay_in_their_order(x):
    """Vectors and maps as numpy has them, and maps of one channel, which are the same either way."""
    x = last(x) if x.dim() == 5 and x.shape[2] == 1 else x
    assert not has_channels_last(x)
    assert torch.equal(as_rows(x), x.reshape(2, 3, -1))


@settings(max_examples=20, deadline=None)
@given(generators(), st.booleans(), st.sampled_from(["value", "subtract"]))
def test_neurons_scan_maps_as_they_lie(rng, delay, reset):
    """Spikes and gradients of neurons that all differ are the same to the last bit."""
    cell = Cell(replace(neuron(rng, SHAPE, current=True), reset_delay=delay, reset=reset))
    x = torch.from_numpy(rng.normal(0.4, 0.6, (6, 2, *SHAPE)).astype(np.float32))
    for one, other in zip(gradient(cell, x), gradient(cell, last(x)), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("outputs", [2, 50])
def test_matrices_take_maps_as_they_lie(outputs):
    """A matrix smaller and larger than the maps that it is behind: values and both gradients."""
    x, weight = torch.randn(6, *SHAPE), torch.randn(outputs, 60)
    ways = [lambda maps: maps, with_channels_last]
    of_maps = [gradient(lambda maps, laid=laid: linear(laid(maps), weight), x) for laid in ways]
    of_weight = [gradient(lambda matrix, laid=laid: linear(laid(x), matrix), weight) for laid in ways]
    for one, other in (*zip(*of_maps, strict=True), *zip(*of_weight, strict=True)):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("way", ["float", "chip"])
def test_a_network_of_convolutions_goes_step_by_step_as_at_once(way):
    """All neurons fire alike where the scan is fused, over channels last, and where membranes are asked for."""
    network = events_conv(np.random.default_rng(0))
    compiler = compiler_for(load_chip("loihi2"), {"p0": InputRange()}, LoweringOptions())
    simulator = FloatSimulator(network) if way == "float" else compiler.trainable(network)
    x = {"p0": (torch.rand(8, 2, 2, 34, 34, generator=torch.Generator().manual_seed(0)) < 0.1).float()}
    with torch.no_grad():
        at_once, by_step = simulator(x), simulator(x, {})
    assert has_channels_last(at_once["p1"])
    for name, spikes in at_once.items():
        assert spikes.any()
        assert torch.equal(spikes, by_step[name])
