"""Windows added up are torch's own sums of them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as functional

from spear_deploy.simulate.fold_kernel import fold
from spear_deploy.simulate.vectors import LENGTH


@pytest.mark.parametrize("channels", [1, 3, 8, 20])
@pytest.mark.parametrize(
    ("extent", "kernel", "stride", "padding"),
    [((8, 8), (3, 3), (2, 2), (1, 1)), ((9, 6), (5, 2), (3, 1), (2, 0)), ((7, 8), (1, 1), (2, 3), (0, 0))],
)
def test_sums_of_windows_are_those_of_torch(channels, extent, kernel, stride, padding):
    """Windows that overlap and reach over the border, and maps with places that are in none; integers are exact."""
    rng = np.random.default_rng(0)
    rows, columns = (
        (length + 2 * p - k) // s + 1 for length, k, s, p in zip(extent, kernel, stride, padding, strict=True)
    )
    windows = rng.integers(-9, 10, (2, rows, columns, *kernel, channels)).astype(np.float32)
    run = -(-kernel[1] * channels // LENGTH) * LENGTH
    padded = np.zeros((2, rows, columns, kernel[0], run), np.float32)
    padded[..., : kernel[1] * channels] = windows.reshape(*windows.shape[:4], -1)
    maps = np.full((2, *extent, channels), np.nan, np.float32)
    fold(padded, kernel, stride, padding, maps)
    flat = torch.from_numpy(windows).permute(0, 5, 3, 4, 1, 2).reshape(2, -1, rows * columns)
    wanted = functional.fold(flat, extent, kernel, padding=padding, stride=stride)
    np.testing.assert_array_equal(maps, wanted.permute(0, 2, 3, 1).numpy())
