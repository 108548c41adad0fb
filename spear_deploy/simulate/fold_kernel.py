"""Adding windows up to the maps that they were cut from: what is left of a convolution's gradient after its product.

A row of a window, over all channels, is contiguous in maps with channels last, and is added in whole vectors: rows of
windows are padded with zeros up to a multiple of ``LENGTH``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, prange, types
from numba.extending import intrinsic

from spear_deploy.simulate.vectors import LENGTH, Vectors


@njit(parallel=True, cache=True, nogil=True, error_model="numpy")
def fold(windows, kernel, stride, padding, maps):  # type: ignore[no-untyped-def]
    """Set ``maps`` (N, H, W, C) to the sums of ``windows`` (N, rows, columns, kernel rows, padded row of a window)."""
    (samples, rows, columns, height, run), channels = windows.shape, maps.shape[3]
    extent = max((rows - 1) * stride[0] + height, maps.shape[1] + padding[0])
    pitch = max((columns - 1) * stride[1] + kernel[1], maps.shape[2] + padding[1]) * channels
    width = maps.shape[2] * channels
    for b in prange(samples):
        sums, added = np.zeros(extent * pitch + run, np.float32), windows[b].reshape(-1)
        for row in range(rows):
            for column in range(columns):
                for y in range(height):
                    place = (row * stride[0] + y) * pitch + column * stride[1] * channels
                    source = ((row * columns + column) * height + y) * run
                    for lane in range(0, run, LENGTH):
                        _add_vector(sums, place + lane, added, source + lane)
        out = maps[b].reshape(-1)
        for y in range(maps.shape[1]):
            first = (y + padding[0]) * pitch + padding[1] * channels
            out[y * width : (y + 1) * width] = sums[first : first + width]


@intrinsic  # type: ignore[untyped-decorator]
def _add_vector(typing: Any, sums: Any, place: Any, added: Any, source: Any) -> Any:
    """Add the vector at ``source`` of one array to that at ``place`` of another; both are contiguous, of one type."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        (sums, place, added, source), kinds = arguments, signature.args
        total = Vectors(context, builder, kinds[0], sums, LENGTH)
        more = Vectors(context, builder, kinds[2], added, LENGTH)
        total.store(builder.fadd(total.load(place), more.load(source)), place, 0)
        return context.get_dummy_value()

    return types.void(sums, types.intp, added, types.intp), generate
