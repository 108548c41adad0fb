"""Shapes of the linear operations, against PyTorch."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as functional
from hypothesis import given, settings
from hypothesis import strategies as st

from spear_deploy.network import AvgPool2d, Conv2d, Flatten, Linear, Scale, ShapeError, SumPool2d
from spear_deploy.network.ops import chain_shapes
from tests.strategies import generators, linear, scales, weights

pairs = st.tuples(st.integers(1, 3), st.integers(1, 3))


def torch_shape(function, *arguments) -> tuple[int, ...] | None:
    """What PyTorch makes of it, without the batch, or None where it refuses."""
    try:
        return tuple(function(*arguments).shape[1:])
    except RuntimeError:
        return None


def own_shape(op, shape) -> tuple[int, ...] | None:
    try:
        return op.output_shape(shape)
    except ShapeError:
        return None


@settings(max_examples=200, deadline=None)
@given(st.data(), generators())
def test_convolution_gives_the_shape_of_pytorch(data, rng):
    """Any geometry: the same shape, and refused exactly where PyTorch refuses it (windows, channels)."""
    shape = data.draw(st.tuples(st.integers(1, 6), st.integers(1, 7), st.integers(1, 7)))
    groups, kernel = data.draw(st.integers(1, 2)), data.draw(pairs)
    stride, padding, dilation = (data.draw(pairs) for _ in range(3))
    op = Conv2d(
        weights(rng, 2 * groups, data.draw(st.integers(1, 3)), *kernel), None, stride, padding, dilation, groups
    )
    x = torch.zeros(1, *shape)
    expected = torch_shape(functional.conv2d, x, torch.tensor(op.weight), None, stride, padding, dilation, groups)
    assert own_shape(op, shape) == expected


@settings(max_examples=100, deadline=None)
@given(st.data(), st.sampled_from([SumPool2d, AvgPool2d]))
def test_pooling_gives_the_shape_of_pytorch(data, kind):
    """Any pooling that PyTorch defines: the same shape, or refused where no window fits."""
    shape = data.draw(st.tuples(st.integers(1, 3), st.integers(1, 7), st.integers(1, 7)))
    kernel, stride = data.draw(pairs), data.draw(pairs)
    padding = tuple(data.draw(st.integers(0, extent // 2)) for extent in kernel)
    expected = torch_shape(functional.avg_pool2d, torch.zeros(1, *shape), kernel, stride, padding)
    assert own_shape(kind(kernel, stride, padding), shape) == expected


@given(st.data(), generators())
def test_chain_passes_shapes_on(data, rng):
    """A chain lists its input's shape, then the shape behind each operation."""
    shape = data.draw(st.tuples(st.integers(1, 3), st.integers(1, 4), st.integers(1, 4)))
    size = shape[0] * shape[1] * shape[2]
    ops = (data.draw(scales(shape, rng)), Flatten(), linear(rng, 5, size))
    assert chain_shapes(ops, shape) == [shape, shape, (size,), (5,)]


@pytest.mark.parametrize(
    ("op", "shape"),
    [
        (Linear(np.zeros((2, 3), np.float32)), (4,)),
        (Linear(np.zeros((2, 12), np.float32)), (3, 2, 2)),
        (Scale(np.ones((3, 1, 1), np.float32)), (3, 2, 2)),
        (SumPool2d((1, 1), (1, 1)), (12,)),
        (Conv2d(np.zeros((2, 3, 1, 1), np.float32)), (3,)),
    ],
)
def test_input_of_another_shape_is_refused(op, shape):
    """A vector of another size, a map for a vector or the reverse, a factor that would be broadcast."""
    with pytest.raises(ShapeError):
        op.output_shape(shape)
