"""Integer convolutions for devices whose own convolutions may round: their sums, and their gradients."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as functional
from hypothesis import given, settings
from hypothesis import strategies as st

from spear_deploy.targets.loihi import convolution
from spear_deploy.targets.loihi.convolution import Geometry, UnfoldedConv2d, conv2d


@st.composite
def convolutions(draw):
    """A geometry, an input and a weight of integers, in double precision."""
    pairs = st.tuples(st.integers(1, 2), st.integers(1, 2))
    groups = draw(st.sampled_from([1, 2, 3]))
    geometry = Geometry(draw(pairs), draw(st.tuples(st.integers(0, 2), st.integers(0, 2))), draw(pairs), groups)
    before, after, kernel = draw(st.integers(1, 3)), draw(st.integers(1, 3)), draw(st.tuples(*[st.integers(1, 3)] * 2))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    x = rng.integers(-255, 256, (draw(st.integers(1, 4)), before * groups, *rng.integers(5, 9, 2)))
    weight = rng.integers(-(2**15), 2**15, (after * groups, before, *kernel))
    return geometry, torch.tensor(x, dtype=torch.float64), torch.tensor(weight, dtype=torch.float64)


@settings(max_examples=60, deadline=None)
@given(drawn=convolutions(), room=st.sampled_from([1, 10_000, 1 << 28]))
def test_an_unfolded_convolution_is_a_convolution(drawn, room):
    """Sums are those of torch's convolution of integers, however many samples fit; gradients to single precision."""
    geometry, x, weight = drawn
    mine, theirs = ([each.clone().requires_grad_() for each in (x, weight)] for _ in range(2))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(convolution, "_COLUMN_BYTES", room)
        sums = UnfoldedConv2d.apply(*mine, geometry)
    expected = functional.conv2d(*theirs, None, *geometry)
    assert torch.equal(sums, expected)
    assert torch.equal(conv2d(x, weight, geometry), expected)
    upstream = torch.randn(expected.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    sums.backward(upstream)
    expected.backward(upstream)
    for ours, other in zip(mine, theirs, strict=True):
        assert ours.grad is not None
        assert ours.grad.dtype == torch.float64
        torch.testing.assert_close(ours.grad, other.grad, rtol=1e-4, atol=1e-6 * float(other.grad.abs().max()))


def test_gradients_that_nobody_wants_are_not_computed():
    """An input of spikes needs none."""
    x, weight = torch.ones(1, 1, 3, 3), torch.ones(1, 1, 2, 2, requires_grad=True)
    UnfoldedConv2d.apply(x, weight, Geometry((1, 1), (0, 0), (1, 1), 1)).sum().backward()
    assert x.grad is None
    assert weight.grad is not None
    assert weight.grad.tolist() == [[[[4.0, 4.0], [4.0, 4.0]]]]
