"""Composed synapses do exactly what the operations do one by one, as PyTorch computes them in float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as functional
from hypothesis import event, given, settings
from hypothesis import strategies as st
from torch import Tensor

from spear_deploy.errors import UnsupportedError
from spear_deploy.network import (
    AvgPool2d,
    Conv2d,
    Flatten,
    Linear,
    LinearOp,
    Network,
    Population,
    Projection,
    Scale,
    SumPool2d,
)
from spear_deploy.network import synapses as module
from spear_deploy.network.ops import Shape, chain_shapes
from spear_deploy.network.synapses import ConvSynapses, DenseSynapses, Synapses, compose, constant_input
from tests.strategies import chains, generators, neuron

RNG = np.random.default_rng(0)


def double(array: np.ndarray | None) -> Tensor | None:
    return None if array is None else torch.tensor(array, dtype=torch.float64)


def torch_op(op: LinearOp, x: Tensor, *, bias: bool) -> Tensor:
    """One operation on a batch, by PyTorch."""
    match op:
        case Conv2d():
            b = double(op.bias) if bias else None
            return functional.conv2d(x, double(op.weight), b, op.stride, op.padding, op.dilation, op.groups)
        case Linear():
            return functional.linear(x, double(op.weight), double(op.bias) if bias else None)
        case AvgPool2d():
            return functional.avg_pool2d(x, op.kernel, op.stride, op.padding)
        case SumPool2d():
            return functional.avg_pool2d(x, op.kernel, op.stride, op.padding, divisor_override=1)
        case Scale():
            return x * double(op.factor)
    return x.flatten(1)


def one_by_one(ops: tuple[LinearOp, ...], x: Tensor, *, bias: bool = False) -> Tensor:
    for op in ops:
        x = torch_op(op, x, bias=bias)
    return x


def at_once(synapses: Synapses, x: Tensor) -> Tensor:
    weight = double(synapses.weight)
    if isinstance(synapses, DenseSynapses):
        return x.flatten(1) @ weight.T
    geometry = (synapses.stride, synapses.padding, synapses.dilation, synapses.groups)
    return functional.conv2d(x, weight, None, *geometry)


def network_of(shape: Shape, *chains: tuple[LinearOp, ...]) -> Network:
    """An input and one population, with a projection for each chain."""
    target = chain_shapes(chains[0], shape)[-1]
    populations = (Population("in", shape), Population("out", target, neuron(RNG, target)))
    projections = tuple(Projection(f"c{i}", "in", "out", ops) for i, ops in enumerate(chains))
    return Network(populations, projections, ("out",))


def composed(shape: Shape, *ops: LinearOp) -> Synapses:
    (synapses,) = compose(network_of(shape, ops))
    return synapses


@settings(max_examples=200, deadline=None)
@given(st.data(), generators())
def test_composition_is_exact(data, rng):
    """Any chain of convolutions, poolings, scales, flattening and linear layers, of any geometry."""
    shape, ops = data.draw(chains(rng))
    synapses = composed(shape, *ops)
    event(type(synapses).__name__)
    x = torch.from_numpy(rng.normal(size=(2, *shape)))
    expected, got = one_by_one(ops, x), at_once(synapses, x)
    np.testing.assert_allclose(got.flatten(1), expected.flatten(1), rtol=1e-9, atol=1e-9)


def kernel(out_channels: int, inputs: int, *size: int) -> np.ndarray:
    return RNG.normal(size=(out_channels, inputs, *(size or (3, 3)))).astype(np.float32)


PER_CHANNEL = np.ascontiguousarray(np.broadcast_to(np.array([1, 2], np.float32)[:, None, None], (2, 8, 8)))
CONVOLUTIONS: dict[str, tuple[LinearOp, ...]] = {
    "convolution": (Conv2d(kernel(3, 2), None, (2, 1), (1, 2)),),
    "pool, then convolution": (AvgPool2d((2, 2), (2, 2)), Conv2d(kernel(3, 2), None, padding=(1, 1))),
    "convolution, then pool": (Conv2d(kernel(3, 2), None, padding=(1, 1)), SumPool2d((2, 2), (2, 2))),
    "overlapping pools without padding": (SumPool2d((3, 3), (1, 1)), AvgPool2d((2, 2), (1, 1))),
    "scale of channels, then convolution": (Scale(PER_CHANNEL), Conv2d(kernel(3, 2))),
    "depthwise, then pointwise": (Conv2d(kernel(2, 1), groups=2), Conv2d(kernel(4, 2, 1, 1))),
    "pool, then groups": (SumPool2d((2, 2), (2, 2)), Conv2d(kernel(4, 1), groups=2)),
    "identity": (),
}


@pytest.mark.parametrize("ops", CONVOLUTIONS.values(), ids=CONVOLUTIONS.keys())
def test_convolution_stays_one(ops):
    """Chains that one convolution can express are stored as one: kernels, not matrices."""
    assert isinstance(composed((2, 8, 8), *ops), ConvSynapses)


PIXELWISE = Scale(np.arange(128, dtype=np.float32).reshape(2, 8, 8))
MATRICES: dict[str, tuple[LinearOp, ...]] = {
    "padding after overlap": (Conv2d(kernel(2, 2), None, padding=(1, 1)), Conv2d(kernel(2, 2), None, padding=(1, 1))),
    "padding after a pool that leaves a rest": (SumPool2d((3, 3), (3, 3)), Conv2d(kernel(3, 2), None, padding=(1, 1))),
    "scale of pixels": (PIXELWISE, Conv2d(kernel(3, 2))),
    "flatten": (Flatten(),),
    "convolution, flatten, linear": (Conv2d(kernel(1, 2)), Flatten(), Linear(RNG.normal(size=(3, 36)))),
}


@pytest.mark.parametrize("ops", MATRICES.values(), ids=MATRICES.keys())
def test_what_no_convolution_expresses_becomes_a_matrix(ops):
    """Where borders, pixels or vectors break the symmetry the exact matrix is stored."""
    synapses = composed((2, 8, 8), *ops)
    assert isinstance(synapses, DenseSynapses)
    x = torch.from_numpy(RNG.normal(size=(4, 2, 8, 8)))
    np.testing.assert_allclose(at_once(synapses, x), one_by_one(ops, x).flatten(1), rtol=1e-9, atol=1e-9)


def test_dilated_kernel_is_kept_as_it_is():
    """The gaps of a dilated convolution are no synapses: they are not stored as zeros."""
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
    np.testing.assert_allclose(constant_input(network, "out"), expected, rtol=1e-9, atol=1e-9)


def test_matrices_that_are_too_large_are_refused_all_at_once(monkeypatch):
    """Every projection beyond the limit is E037; a convolution of any size and smaller matrices are not."""
    monkeypatch.setattr(module, "MAX_DENSE_ELEMENTS", 128 * 5)
    fits = (Flatten(), Linear(np.ones((5, 128), np.float32)))
    network = network_of((2, 8, 8), fits)
    (synapses,) = compose(network)
    assert synapses.weight.shape == (5, 128)
    wide, out = Population("wide", (6,), neuron(RNG, (6,))), Population("map", (2, 8, 8), neuron(RNG, (2, 8, 8)))
    too_large = (Flatten(), Linear(np.ones((6, 128), np.float32)))
    projections = (
        *network.projections,
        Projection("a", "in", "wide", too_large),
        Projection("b", "map", "wide", too_large),
        Projection("identity", "in", "map", ()),
    )
    with pytest.raises(UnsupportedError) as caught:
        compose(Network((*network.populations, wide, out), projections, ("out",)))
    assert [(f.code, f.where) for f in caught.value.findings] == [
        ("E037", "projection 'a'"),
        ("E037", "projection 'b'"),
    ]
