"""The fused scan does what the eager one in torch does, forward and backward."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor

from spear_deploy.network import Input, Linear, Network, Neuron, Population, Projection
from spear_deploy.simulate import simulator
from spear_deploy.simulate.cell import Cell
from spear_deploy.simulate.simulator import FloatSimulator
from tests.strategies import generators, neuron


def scanned(scan, x: np.ndarray, upstream: np.ndarray) -> tuple[Tensor, Tensor]:
    """Spikes of a scan, and the gradient of their weighted sum with respect to the input."""
    source = torch.from_numpy(x).requires_grad_()
    out = scan(source)
    (out * torch.from_numpy(upstream)).sum().backward()
    return out.detach(), source.grad


def kinds() -> st.SearchStrategy[dict[str, object]]:
    """What the fused scans know of a neuron's kind."""
    choices = {"compare": st.sampled_from(["gt", "ge"]), "reset": st.sampled_from(["value", "subtract"])}
    choices |= {"spikes": st.sampled_from(["binary", "integer"]), "floor": st.sampled_from([None, -0.2])}
    return st.fixed_dictionaries({**choices, "reset_delay": st.booleans()})


@settings(max_examples=80, deadline=None)
@given(generators(), st.booleans(), kinds(), st.sampled_from([(5,), (2, 3, 2)]))
def test_fused_scan_equals_the_eager_one(rng, current, kind, shape):
    """Spikes are equal for every reset and comparison; gradients agree within float32 rounding."""
    cell = Cell(replace(neuron(rng, shape, current=current), **kind))
    x = rng.normal(0.4, 0.6, (12, 3, *shape)).astype(np.float32)
    upstream = rng.normal(size=x.shape).astype(np.float32)
    fused, fused_gradient = scanned(cell, x, upstream)
    eager, eager_gradient = scanned(lambda source: cell.scan(source)[0], x, upstream)
    torch.testing.assert_close(fused, eager, rtol=0, atol=0)
    torch.testing.assert_close(fused_gradient, eager_gradient, rtol=1e-4, atol=1e-5)
    assert torch.any(fused > 0)
    assert torch.any(fused_gradient != 0)


def test_fused_scan_is_the_one_that_runs(monkeypatch):
    """A plain neuron on a CPU never reaches the eager scan."""
    monkeypatch.delattr(Cell, "scan")
    assert Cell(neuron(np.random.default_rng(0), (3,)))(torch.zeros(2, 1, 3)).shape == (2, 1, 3)


PLAIN = neuron(np.random.default_rng(0), (3,))


def test_readouts_and_other_devices_take_the_eager_scan():
    """The fused scan knows no readouts, and runs on a processor."""
    x = torch.zeros(2, 1, 3)
    assert Cell(PLAIN).can_be_fused(x)
    assert not Cell(replace(PLAIN, threshold=None)).can_be_fused(x)
    assert not Cell(PLAIN).can_be_fused(x.to("meta"))


def recurrent(rng: np.random.Generator, kind: dict[str, object], size: int = 5) -> Network:
    """A population that feeds back to itself through a matrix with a bias."""
    matrix = np.rint(8 * rng.normal(0, 0.4, (size, size))).astype(np.float32) / 8
    feedback = Linear(matrix, rng.normal(0, 0.1, size).astype(np.float32))
    cell = replace(neuron(rng, (size,), current=bool(rng.random() < 0.5)), **kind)
    populations = (Input("in", (size,)), Population("p", (size,), cell))
    return Network(populations, (Projection("w", "in", "p", ()), Projection("back", "p", "p", (feedback,), 1)), ("p",))


def trained(network: Network, x: np.ndarray, upstream: np.ndarray) -> tuple[Tensor, dict[str, Tensor]]:
    """Spikes, and the gradients of their weighted sum with respect to the input and all parameters."""
    simulator, source = FloatSimulator(network), torch.from_numpy(x).requires_grad_()
    out = simulator({"in": source})["p"]
    (out * torch.from_numpy(upstream)).sum().backward()
    return out.detach(), {"x": source.grad} | {name: p.grad for name, p in simulator.named_parameters()}


_EXACT = 2**16
"""Spikes a step up to which sums of their products are exact."""


@settings(max_examples=60, deadline=None)
@given(generators(), kinds(), st.sampled_from([3, 6]))
def test_fused_loop_equals_the_eager_one(rng, kind, batch):
    """Spikes are equal; gradients of input, weights and bias agree within float32 rounding, through ten steps.

    Weights are multiples of 1/8, since a product of a count and a weight rounds otherwise in a matrix product; so do
    those of counts that run away to millions.
    """
    network = recurrent(rng, kind)
    x = rng.normal(0.4, 0.6, (10, batch, 5)).astype(np.float32)
    upstream = rng.normal(size=x.shape).astype(np.float32)
    fused, fused_gradients = trained(network, x, upstream)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(simulator, "_is_fused_loop", lambda *_: False)
        eager, eager_gradients = trained(network, x, upstream)
    assume(eager.max() < _EXACT)
    torch.testing.assert_close(fused, eager, rtol=0, atol=0)
    assert fused_gradients.keys() == eager_gradients.keys()
    for name, gradient in fused_gradients.items():
        torch.testing.assert_close(gradient, eager_gradients[name], rtol=1e-3, atol=1e-4)
        assert torch.any(gradient != 0)


@pytest.mark.parametrize("size", [1, 4, 7, 70])
def test_samples_whose_gradients_go_back_together_do_not_see_each_other(size):
    """Six samples, four and two of them together, have the bytes of each on its own: a sum has one order."""
    rng = np.random.default_rng(size)
    network = recurrent(rng, {}, size)
    x = rng.normal(0.4, 0.6, (10, 6, size)).astype(np.float32)
    upstream = rng.normal(size=x.shape).astype(np.float32)
    together = trained(network, x, upstream)[1]["x"]
    alone = [trained(network, x[:, [b]], upstream[:, [b]])[1]["x"] for b in range(6)]
    assert together.numpy().tobytes() == torch.cat(alone, 1).numpy().tobytes()
    assert torch.any(together != 0)


@pytest.mark.parametrize("spikes", ["binary", "integer"])
def test_fused_loop_is_the_one_that_runs(monkeypatch, spikes):
    """A population that feeds itself through a matrix never reaches the eager steps in training."""
    monkeypatch.delattr(Cell, "step")
    network = recurrent(np.random.default_rng(0), {"spikes": spikes})
    assert FloatSimulator(network)({"in": torch.zeros(3, 2, 5)})["p"].shape == (3, 2, 5)


@pytest.mark.parametrize("fed_back", [False, True])
def test_a_second_backward_pass_is_refused(fed_back):
    """The first one wrote over the membranes."""
    network = recurrent(np.random.default_rng(0), {})
    network = network if fed_back else replace(network, projections=network.projections[:1])
    x = torch.zeros(3, 2, 5, requires_grad=True)
    total = FloatSimulator(network)({"in": x})["p"].sum()
    total.backward(retain_graph=True)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        total.backward()


def test_gradient_at_the_threshold_is_the_slope_of_the_surrogate():
    """One step of one neuron at its threshold: gain * slope / 2 in units of the distance to reset."""
    one = np.ones(1, np.float32)
    cell = Cell(Neuron(0 * one, 0.5 * one, 3 * one, 0 * one, 0 * one, 6 * one))
    _, gradient = scanned(cell, np.full((1, 1, 1), 2, np.float32), np.ones((1, 1, 1), np.float32))
    assert gradient.item() == pytest.approx(3 * (2.0 / 2) / 6)
