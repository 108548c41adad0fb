"""The windows of a convolution, written out as rows: what makes it a product of matrices.

What lies beyond the map's border is zero.  Arrays are bytes, contiguous and flat; ``extents`` are (maps, rows, columns)
of windows.
"""

from __future__ import annotations

from numba import njit

from spear_deploy.targets.loihi.emulator.lanes import clear_bytes, copy_bytes


@njit(cache=True, nogil=True)
def windows_of_pixels(maps, shape, kernel, stride, padding, dilation, out, extents):  # type: ignore[no-untyped-def]
    """Write to ``out`` windows (kH, kW, C) of ``maps`` whose channels come last; ``shape`` is (C, H, W)."""
    channels, height, width = shape
    together = kernel[1] if dilation[1] == 1 else 1  # taps that lie next to each other
    length, place = together * channels, 0
    for n in range(extents[0]):
        for row in range(extents[1]):
            for column in range(extents[2]):
                for down in range(kernel[0]):
                    y = row * stride[0] + down * dilation[0] - padding[0]
                    start = (n * height + y) * width
                    for across in range(0, kernel[1], together):
                        x = column * stride[1] + across * dilation[1] - padding[1]
                        if 0 <= y < height and 0 <= x <= width - together:
                            copy_bytes(out, place, maps, (start + x) * channels, length)
                        else:
                            clear_bytes(out, place, length)
                            first, last = max(x, 0), min(x + together, width)
                            if 0 <= y < height and first < last:
                                inside = (last - first) * channels
                                copy_bytes(
                                    out, place + (first - x) * channels, maps, (start + first) * channels, inside
                                )
                        place += length


@njit(cache=True, nogil=True)
def windows_of_planes(maps, shape, kernel, stride, padding, dilation, out, extents):  # type: ignore[no-untyped-def]
    """Write to ``out`` windows (C, kH, kW) of ``maps`` (N, C, H, W), ``shape`` each."""
    channels, height, width = shape
    columns, pitch = extents[2], channels * kernel[0] * kernel[1]
    for n in range(extents[0]):
        for row in range(extents[1]):
            place = (n * extents[1] + row) * columns * pitch
            clear_bytes(out, place, columns * pitch)
            for channel in range(channels):
                for down in range(kernel[0]):
                    y = row * stride[0] + down * dilation[0] - padding[0]
                    start = ((n * channels + channel) * height + y) * width
                    for across in range(kernel[1]):
                        left = across * dilation[1] - padding[1]
                        if 0 <= y < height:
                            first = max(0, -(left // stride[1]))
                            last = min(columns, (width - 1 - left) // stride[1] + 1)
                            for column in range(first, last):
                                out[place + column * pitch] = maps[start + left + column * stride[1]]
                        place += 1
