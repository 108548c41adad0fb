"""oneDNN's products are torch's own: to rounding, and of integers to the last bit."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as functional
from torch import Tensor

from spear_deploy.simulate import products
from spear_deploy.simulate.products import linear, product

SHAPES = [(2048, 64, 256), (300, 700, 10), (4, 1, 1 << 19)]
"""Rows, inputs and outputs for which oneDNN multiplies."""


def gradients(function, *factors: Tensor) -> tuple[Tensor, ...]:
    """Return what a function gives, and the gradients of its sum of squares."""
    own = [factor.clone().requires_grad_() for factor in factors]
    y = function(*own)
    y.square().sum().backward()
    return y.detach(), *(factor.grad for factor in own)


@pytest.fixture(params=[True, False], ids=["oneDNN", "without oneDNN"])
def onednn(request, monkeypatch):
    """With oneDNN, and as on a machine whose torch has none."""
    if not request.param:
        monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    return request.param


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("has_bias", [True, False])
def test_products_and_gradients_are_those_of_torch(shape, has_bias, onednn):
    """Values, and the gradients of input, weight and bias, agree with torch's in double precision."""
    (rows, inputs, outputs), draw = shape, torch.Generator().manual_seed(0)
    factors = [
        torch.randn(size, generator=draw) for size in [(rows, inputs), (outputs, inputs), (outputs,)][: 2 + has_bias]
    ]
    found = gradients(linear, *factors)
    wanted = gradients(functional.linear, *(factor.double() for factor in factors))
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one.double(), other, rtol=1e-4, atol=1e-4 * float(other.abs().max()))


def test_integers_are_exact(onednn):
    """Sums of integers below 2^24 are what integers give."""
    draw = torch.Generator().manual_seed(1)
    x, weight = (
        torch.randint(low, high, size, generator=draw)
        for low, high, size in [(0, 256, (700, 250)), (-254, 255, (90, 250))]
    )
    assert torch.equal(linear(x.float(), weight.float()).long(), x @ weight.T)
    assert torch.equal(product(weight.float(), x.float()).long(), weight @ x.T)


def test_what_onednn_does_not_take_goes_to_torch(monkeypatch):
    """Small matrices, double precision and other devices."""
    small, double, elsewhere = torch.ones(3, 4), torch.ones(1024, 1024).double(), torch.ones(1024, 1024, device="meta")
    for each in (small, double, elsewhere):
        assert not products._suits(each, each)
        assert linear(each, each).shape == product(each, each).shape == each.shape[:1] * 2
    assert products._suits(double.float(), double.float())


def test_only_gradients_that_are_asked_for_are_computed(monkeypatch):
    """Of an input that is data none is: that would be a product more."""
    seen: list[tuple[int, ...]] = []
    monkeypatch.setattr(products, "product", lambda left, right: seen.append(left.shape) or left @ right.T)
    x, weight = torch.randn(2048, 64), torch.randn(256, 64, requires_grad=True)
    linear(x, weight).sum().backward()
    assert seen == [(2048, 64), (64, 2048)]
