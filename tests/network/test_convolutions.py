"""Chains that one convolution expresses are found, and do exactly what the operations do one by one."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from spear_deploy.network import AvgPool2d, Conv2d, LinearOp, Scale, SumPool2d
from spear_deploy.network.convolutions import as_one_conv
from tests.network.by_torch import one_by_one

RNG = np.random.default_rng(0)


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
    """Chains that one convolution can express are one: kernels, not matrices."""
    conv = as_one_conv(ops, (2, 8, 8))
    assert isinstance(conv, Conv2d)
    x = torch.from_numpy(RNG.normal(size=(4, 2, 8, 8)))
    np.testing.assert_allclose(one_by_one((conv,), x), one_by_one(ops, x), rtol=1e-9, atol=1e-9)
