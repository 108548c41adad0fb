"""Gradients that are much longer than usual are shortened; others are left as they are."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from spear_deploy.train.clipping import Clipping


def batches(lengths: list[float]) -> list[float]:
    """Let gradients of these lengths, of two parameters, pass; return their lengths after that."""
    parameters = [torch.zeros(2, requires_grad=True), torch.zeros(1, requires_grad=True)]
    clip, after = Clipping(parameters), []
    for length in lengths:
        parameters[0].grad, parameters[1].grad = torch.tensor([0.6, 0.0]) * length, torch.tensor([0.8]) * length
        clip()
        after.append(float(torch.cat([each.grad for each in parameters]).norm()))
    return after


def test_one_long_gradient_is_shortened_and_raises_no_bound() -> None:
    """To three times the median of those before it, however long it is; the direction stays."""
    assert batches([1, 1, 2, 1e12, 2.5, 1e6]) == pytest.approx([1, 1, 2, 3, 2.5, 6], rel=1e-4)


def test_a_gradient_beyond_single_precision_moves_nothing() -> None:
    """Its numbers are finite, their squares are not."""
    assert batches([1, 1e30, 1])[1:] == pytest.approx([0, 1])


@given(st.lists(st.floats(1, 3), min_size=1, max_size=20))
def test_usual_ones_stay(lengths: list[float]) -> None:
    """Within a factor of three of one another nothing is changed, to the last bit."""
    parameter = torch.zeros(1, requires_grad=True)
    clip = Clipping([parameter])
    for length in lengths:
        gradient = torch.tensor([length])
        parameter.grad = gradient.clone()
        clip()
        assert parameter.grad is not None
        assert torch.equal(parameter.grad, gradient)
