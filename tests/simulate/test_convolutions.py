"""Convolutions in training are torch's own, and so are their gradients."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as functional
from torch import Tensor

from spear_deploy.simulate import convolutions
from spear_deploy.simulate.convolutions import conv2d

GEOMETRIES = {
    "stride 2": ((2, 2), (1, 1), (1, 1), 1),
    "strides 3 and 1": ((3, 1), (0, 2), (1, 1), 1),
    "stride 1": ((1, 1), (1, 1), (1, 1), 1),
    "dilated": ((2, 2), (2, 2), (2, 2), 1),
    "groups": ((2, 2), (1, 1), (1, 1), 2),
}


def drawn(groups: int) -> tuple[Tensor, Tensor, Tensor]:
    """Maps, weights and biases."""
    draw = torch.Generator().manual_seed(0)
    shapes = (5, 6, 9, 8), (10, 6 // groups, 3, 2), (10,)
    maps, weight, bias = (torch.randn(shape, generator=draw) for shape in shapes)
    return maps, weight, bias


def gradients(function, *factors: Tensor) -> tuple[Tensor, ...]:
    """Return what a function gives, and the gradients of its sum of squares."""
    own = [factor.detach().clone().requires_grad_() for factor in factors]
    y = function(*own)
    y.square().sum().backward()
    return y.detach(), *(factor.grad for factor in own)


@pytest.mark.parametrize("has_bias", [True, False])
@pytest.mark.parametrize("geometry", GEOMETRIES.values(), ids=list(GEOMETRIES))
def test_values_and_gradients_are_those_of_torch(geometry, has_bias):
    """Those of maps, weights and biases agree with torch's in double precision."""
    factors = drawn(geometry[3])[: 2 + has_bias]

    def run(function):
        return lambda x, weight, bias=None: function(x, weight, bias, *geometry)

    found = gradients(run(conv2d), *factors)
    wanted = gradients(run(functional.conv2d), *(factor.double() for factor in factors))
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one.double(), other, rtol=1e-5, atol=1e-5 * float(other.abs().max()))


def test_maps_that_do_not_fit_the_cache_go_some_at_a_time(monkeypatch):
    """The gradient does not depend on how many."""
    (maps, weight, _), (stride, padding, *_) = drawn(1), GEOMETRIES["stride 2"]
    grad = torch.randn(functional.conv2d(maps, weight, None, stride, padding).shape)
    whole = convolutions._of_input(grad, weight, maps.shape, stride, padding)
    monkeypatch.setattr(convolutions, "_WINDOW_BYTES", 1)
    torch.testing.assert_close(convolutions._of_input(grad, weight, maps.shape, stride, padding), whole)


@pytest.mark.parametrize("trained", [(True, False), (False, True)])
def test_only_gradients_that_are_asked_for_are_computed(monkeypatch, trained):
    """Of maps that are data none is, nor of weights that stay."""
    seen: list[torch.Size] = []
    of_input = convolutions._of_input
    monkeypatch.setattr(convolutions, "_of_input", lambda *all_of: seen.append(all_of[2]) or of_input(*all_of))
    factors = [each.requires_grad_(is_trained) for each, is_trained in zip(drawn(1), trained, strict=False)]
    conv2d(*factors, None, *GEOMETRIES["stride 2"]).sum().backward()
    assert [each.grad is not None for each in factors] == list(trained)
    assert len(seen) == trained[0]


def test_all_others_go_to_torch(monkeypatch):
    """Double precision, other devices, and strides of 1."""
    monkeypatch.delattr(convolutions, "_Strided")
    maps, weight, _ = drawn(1)
    strided, plain = GEOMETRIES["stride 2"], GEOMETRIES["stride 1"]
    for x, w, geometry in [
        (maps.double(), weight.double(), strided),
        (maps.to("meta"), weight.to("meta"), strided),
        (maps, weight, plain),
    ]:
        assert conv2d(x, w, None, *geometry).shape[:2] == (5, 10)
    with pytest.raises(NameError):
        conv2d(maps, weight, None, *strided)
