"""Neurons behind a convolution in one pass do what torch's convolution and the eager scan do, forward and backward."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as functional
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor

from spear_deploy.execution import Execution
from spear_deploy.network import AvgPool2d, Conv2d, Input, Network, Population, Projection
from spear_deploy.network.ops import chain_shapes
from spear_deploy.simulate import simulator
from spear_deploy.simulate.cell import Cell
from spear_deploy.simulate.convolved_scan import suits_convolution
from spear_deploy.simulate.simulator import FloatSimulator
from tests.simulate.test_scan_kernel import kinds
from tests.strategies import generators, neuron

STEPS, BATCH = 6, 3


def geometries() -> st.SearchStrategy[Conv2d]:
    """Convolutions without their weights: kernels beyond the stride and short of it, widths that end within vectors."""
    small = st.integers(1, 3)
    pairs = {"stride": st.tuples(small, small), "padding": st.tuples(st.integers(0, 2), st.integers(0, 2))}
    shape = st.tuples(st.sampled_from([1, 3, 16, 20]), st.sampled_from([1, 2, 17]), small, st.integers(1, 5))
    return st.builds(lambda shape, **pairs: Conv2d(np.zeros(shape, np.float32), None, **pairs), shape, **pairs)


def drawn(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Multiples of 1/8, few of them beyond 0: sums are exact, whatever their order."""
    return (rng.integers(-8, 9, shape) / 8).astype(np.float32)


def spikes(rng: np.random.Generator, *shape: int) -> Tensor:
    """A fifth of the values, some of which are counts and halves."""
    return torch.from_numpy((rng.integers(1, 5, shape) / 2 * (rng.random(shape) < 0.2)).astype(np.float32))


def gradients(run, upstream: Tensor, *factors: Tensor) -> tuple[Tensor, ...]:
    """What a function gives, and the gradients of its weighted sum."""
    own = [factor.detach().clone().requires_grad_() for factor in factors]
    out = run(*own)
    (out * upstream).sum().backward()
    return out.detach(), *(factor.grad for factor in own)


@settings(max_examples=60, deadline=None)
@given(generators(), geometries(), kinds(), st.booleans(), st.tuples(st.integers(1, 9), st.sampled_from([1, 8, 19])))
def test_one_pass_is_a_convolution_and_the_eager_scan(rng, op, kind, current, extent):
    """Spikes are equal, gradients of values, weights and biases agree with those in double precision."""
    outputs, channels, *kernel = op.weight.shape
    assume(all(size + 2 * p >= k for size, p, k in zip(extent, op.padding, kernel, strict=True)))
    shape = chain_shapes((op,), (channels, *extent))[-1]
    cell = Cell(replace(neuron(rng, shape, current=current), **kind))
    factors = (
        spikes(rng, STEPS, BATCH, channels, *extent),
        *map(torch.from_numpy, (drawn(rng, *op.weight.shape), drawn(rng, outputs))),
    )
    upstream = torch.from_numpy(rng.normal(size=(STEPS, BATCH, *shape)).astype(np.float32))

    def eager(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        arriving = functional.conv2d(x.flatten(0, 1), weight, bias, op.stride, op.padding)
        return cell.scan(arriving.unflatten(0, (STEPS, BATCH)))[0]

    found = gradients(lambda *all_of: cell.convolved(*all_of, (op.stride, op.padding)), upstream, *factors)
    wanted = gradients(eager, upstream, *factors)
    torch.testing.assert_close(found[0], wanted[0], rtol=0, atol=0)
    for one, other in zip(found[1:], wanted[1:], strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4 * float(1 + other.abs().max()))


def network(*ops: AvgPool2d | Conv2d, shape: tuple[int, int, int] = (3, 9, 8)) -> Network:
    """A population that an input feeds through some operations."""
    cell = neuron(np.random.default_rng(0), chain_shapes(ops, shape)[-1])
    return Network(
        (Input("in", shape), Population("p", cell.threshold.shape, cell)), (Projection("w", "in", "p", ops),), ("p",)
    )


RNG = np.random.default_rng(0)
CONVOLUTION = Conv2d(drawn(RNG, 5, 3, 3, 3), drawn(RNG, 5), (2, 2), (1, 1))
POOLING = AvgPool2d((2, 2), (1, 1))


@pytest.mark.parametrize("ops", [(CONVOLUTION,), (POOLING, CONVOLUTION)], ids=["alone", "behind pooling"])
def test_it_is_what_runs(monkeypatch, ops):
    """Of a network's only convolution into a population, whatever is in front of it."""
    x = 0.5 * spikes(np.random.default_rng(0), STEPS, BATCH, 3, 9, 8)
    wanted = FloatSimulator(network(*ops))({"in": x})["p"]
    monkeypatch.delattr(Cell, "forward")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(simulator, "suits_convolution", lambda *_: True)
        assert torch.equal(FloatSimulator(network(*ops))({"in": x})["p"], wanted)


def test_it_does_not_run_where_much_fires_or_nothing_changes():
    """Values that are constant over time are convolved once; busy ones, and large weights, by the library."""
    few, weight = torch.zeros(4, 2, 3, 9, 8), torch.zeros(5, 3, 3, 3)
    few[2, :, 0] = 1.0
    assert not suits_convolution(few, weight)
    few[2, :, 0, 3:] = 0.0
    assert suits_convolution(few, weight)
    assert not suits_convolution(few[2].expand(4, -1, -1, -1, -1), weight)
    assert not suits_convolution(few.double(), weight)
    assert not suits_convolution(few, torch.zeros(1, 1).expand(1 << 10, 1 << 10))


@pytest.mark.parametrize(
    "op",
    [replace(CONVOLUTION, dilation=(1, 2)), replace(CONVOLUTION, weight=drawn(RNG, 3, 1, 3, 3), bias=None, groups=3)],
)
def test_groups_and_dilation_go_to_the_library(monkeypatch, op):
    """Its kernels know none."""
    monkeypatch.delattr(Cell, "convolved")
    assert FloatSimulator(network(op))({"in": torch.zeros(STEPS, BATCH, 3, 9, 8)})["p"].shape[:2] == (STEPS, BATCH)


@pytest.mark.parametrize("last", [True, False])
def test_no_byte_depends_on_threads(last):
    """Of spikes, and of gradients that are summed over samples; channels last or first in memory."""
    rng = np.random.default_rng(0)
    cell = Cell(neuron(rng, (5, 5, 4)))
    x = spikes(rng, STEPS, 11, 3, 9, 8)
    x = x.permute(0, 1, 3, 4, 2).contiguous().permute(0, 1, 4, 2, 3) if last else x
    weight, bias, upstream = torch.randn(5, 3, 3, 3), torch.randn(5), torch.randn(STEPS, 11, 5, 5, 4)

    def run(threads: int) -> list[bytes]:
        own = weight.clone().requires_grad_(), bias.clone().requires_grad_()
        with Execution(threads=threads).applied():
            out = cell.convolved(x, *own, ((2, 2), (1, 1)))
            (out * upstream).sum().backward()
        return [each.detach().contiguous().numpy().tobytes() for each in (out, *(factor.grad for factor in own))]

    assert run(1) == run(2)
