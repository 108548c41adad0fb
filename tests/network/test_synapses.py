"""Composed synapses do exactly what the operations do one by one, as PyTorch computes them in float64."""

from __future__ import annotations

from itertools import product
from math import prod

import numpy as np
import pytest
import torch
import torch.nn.functional as functional
from hypothesis import event, given, settings
from hypothesis import strategies as st
from torch import Tensor

from spear_deploy.errors import UnsupportedError
from spear_deploy.network import (
    Conv2d,
    Flatten,
    Input,
    Linear,
    LinearOp,
    Network,
    Population,
    Projection,
    Scale,
    SumPool2d,
)
from spear_deploy.network import synapses as module
from spear_deploy.network.convolutions import as_one_conv
from spear_deploy.network.ops import Shape, chain_shapes
from spear_deploy.network.synapses import ConvSynapses, DenseSynapses, Synapses
from tests.network.by_torch import double, one_by_one
from tests.strategies import chains, generators, neuron

RNG = np.random.default_rng(0)


def at_once(synapses: Synapses, x: Tensor) -> Tensor:
    weight = double(synapses.weight)
    if isinstance(synapses, DenseSynapses):
        return x.flatten(1) @ weight.T
    geometry = (synapses.stride, synapses.padding, synapses.dilation, synapses.groups)
    return functional.conv2d(x, weight, None, *geometry)


def network_of(shape: Shape, *chains: tuple[LinearOp, ...]) -> Network:
    """An input and one population, with a projection for each chain."""
    target = chain_shapes(chains[0], shape)[-1]
    populations = (Input("in", shape), Population("out", target, neuron(RNG, target)))
    projections = tuple(Projection(f"c{i}", "in", "out", ops) for i, ops in enumerate(chains))
    return Network(populations, projections, ("out",))


def composed(shape: Shape, *ops: LinearOp) -> Synapses:
    (synapses,) = network_of(shape, ops).synapses
    return synapses


@settings(max_examples=200, deadline=None)
@given(st.data(), generators())
def test_composition_is_exact(data, rng):
    """Any chain of convolutions, poolings, scales, flattening and linear layers, of any geometry."""
    shape, ops = data.draw(chains(rng))
    synapses = composed(shape, *ops)
    event(type(synapses).__name__)
    assert isinstance(synapses, ConvSynapses) == (as_one_conv(ops, shape) is not None)
    x = torch.from_numpy(rng.normal(size=(2, *shape)))
    expected, got = one_by_one(ops, x), at_once(synapses, x)
    np.testing.assert_allclose(got.flatten(1), expected.flatten(1), rtol=1e-9, atol=1e-9)


@settings(max_examples=200, deadline=None)
@given(st.data(), generators())
def test_windows_of_a_pooling_have_one_list_of_synapses(data, rng):
    """What is told to be shared is: taps of a window have one value in each kernel, or none, and a matrix has no more
    different columns than there are windows.  Outlines tell the same."""
    shape, ops = data.draw(chains(rng))
    synapses, (outline,) = composed(shape, *ops), network_of(shape, ops).outlines
    if isinstance(synapses, DenseSynapses):
        assert isinstance(outline, DenseSynapses)
        assert outline.windows == synapses.windows
        lists = {column.tobytes() for column in synapses.weight.T if column.any()}
        assert len(lists) <= (synapses.windows or prod(shape))
        event(f"matrix, windows: {synapses.windows is not None}")
        return
    assert isinstance(outline, ConvSynapses)
    assert outline.shared == synapses.shared
    (y, x), (rows, columns) = synapses.shared, synapses.weight.shape[2:]
    for top, left in product(range(0, rows, y), range(0, columns, x)):
        window = synapses.weight[:, :, top : top + y, left : left + x].reshape(*synapses.weight.shape[:2], -1)
        one = np.take_along_axis(window, np.abs(window).argmax(axis=2, keepdims=True), axis=2)
        assert np.all((window == one) | (window == 0))
    event(f"kernel, shared: {synapses.shared != (1, 1)}")


def test_poolings_in_front_are_told():
    """Windows of poolings that share no cell multiply; those that overlap, or follow a convolution, are not told."""
    halves, thirds = SumPool2d((2, 2), (2, 2)), SumPool2d((3, 1), (3, 1))
    conv = Conv2d(kernel(3, 2))
    assert composed((2, 18, 8), halves, thirds, conv).shared == (6, 2)
    assert composed((2, 8, 8), SumPool2d((3, 3), (2, 2)), conv).shared == (1, 1)
    assert composed((2, 8, 8), conv, SumPool2d((2, 2), (2, 2))).shared == (1, 1)
    assert composed((2, 8, 8), halves, Flatten(), Linear(RNG.normal(size=(3, 32)))).windows == 32
    assert composed((2, 8, 8), Flatten(), Linear(RNG.normal(size=(3, 128)))).windows is None


def kernel(out_channels: int, inputs: int, *size: int) -> np.ndarray:
    return RNG.normal(size=(out_channels, inputs, *(size or (3, 3)))).astype(np.float32)


MATRIX = RNG.normal(size=(3, 36)).astype(np.float32)
PIXELWISE = Scale(np.arange(128, dtype=np.float32).reshape(2, 8, 8))
MATRICES: dict[str, tuple[LinearOp, ...]] = {
    "padding after overlap": (Conv2d(kernel(2, 2), None, padding=(1, 1)), Conv2d(kernel(2, 2), None, padding=(1, 1))),
    "padding after a pool that leaves a rest": (SumPool2d((3, 3), (3, 3)), Conv2d(kernel(3, 2), None, padding=(1, 1))),
    "scale of pixels": (PIXELWISE, Conv2d(kernel(3, 2))),
    "flatten": (Flatten(),),
    "convolution, flatten, linear": (Conv2d(kernel(1, 2)), Flatten(), Linear(MATRIX)),
}


@pytest.mark.parametrize("ops", MATRICES.values(), ids=MATRICES.keys())
def test_what_no_convolution_expresses_becomes_a_matrix(ops):
    """Where borders, pixels or vectors break the symmetry the exact matrix is stored."""
    synapses = composed((2, 8, 8), *ops)
    assert isinstance(synapses, DenseSynapses)
    x = torch.from_numpy(RNG.normal(size=(4, 2, 8, 8)))
    np.testing.assert_allclose(at_once(synapses, x), one_by_one(ops, x).flatten(1), rtol=1e-9, atol=1e-9)


def test_dilated_kernel_is_kept_as_it_is():
    """The gaps of a dilated convolution are not synapses: they are not stored as zeros."""
    op = Conv2d(kernel(3, 2), None, (1, 1), (2, 2), (2, 2))
    synapses = composed((2, 8, 8), op)
    assert isinstance(synapses, ConvSynapses)
    assert synapses.dilation == (2, 2)
    np.testing.assert_array_equal(synapses.weight, op.weight)


@settings(max_examples=80, deadline=None)
@given(st.data(), generators())
def test_constant_input_is_the_effect_of_the_biases(data, rng):
    """What all chains into a population add without any spike; a second chain's biases add up."""
    shape, ops = data.draw(chains(rng))
    network = network_of(shape, ops, ops)
    silent = torch.zeros(1, *shape, dtype=torch.float64)
    expected = 2 * one_by_one(ops, silent, bias=True)[0]
    np.testing.assert_allclose(network.constant_input("out"), expected, rtol=1e-9, atol=1e-9)


def test_matrices_that_are_too_large_are_refused_all_at_once(monkeypatch):
    """Every matrix to be composed beyond the limit is E037; convolutions, smaller and lone ones of any size are not."""
    monkeypatch.setattr(module, "MAX_DENSE_ELEMENTS", 128 * 5)
    fits = (Flatten(), Linear(np.ones((5, 128), np.float32)))
    network = network_of((2, 8, 8), fits)
    (synapses,) = network.synapses
    assert synapses.weight.shape == (5, 128)
    wide, out = Population("wide", (6,), neuron(RNG, (6,))), Population("map", (2, 8, 8), neuron(RNG, (2, 8, 8)))
    lone = (Flatten(), Linear(np.ones((6, 128), np.float32)))
    too_large = (PIXELWISE, *lone)
    projections = (
        *network.projections,
        Projection("lone", "in", "wide", lone),
        Projection("a", "in", "wide", too_large),
        Projection("b", "map", "wide", too_large),
        Projection("identity", "in", "map", ()),
    )
    refused = Network((*network.populations, wide, out), projections, ("out",))
    with pytest.raises(UnsupportedError) as caught:
        _ = refused.synapses
    assert [(f.code, f.where) for f in caught.value.findings] == [
        ("E037", "projection 'a'"),
        ("E037", "projection 'b'"),
    ]
