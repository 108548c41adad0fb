"""Event-driven synapses: work for spikes only, not for synapses.

Each neuron that fires adds its precomputed weights to the sums of its targets.  Where few fire, that costs a
fraction of a convolution or matrix product (docs/emulator.md has the measurements).  Exact: integers.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
from numba import njit

from spear_deploy.targets.loihi.emulator.lanes import (
    LANE_BYTES,
    MOST_LANES,
    WORD,
    add_lanes,
    add_rows,
    lowest_bit,
    nonzero_bits,
)


@njit(inline="always")
def _active(values, start, left):  # type: ignore[no-untyped-def]
    """Return which of 64 values from ``start`` on, or of those that are ``left``, are not zero."""
    if left >= WORD:
        return nonzero_bits(values, start)
    if start + WORD <= len(values):  # others lie behind them
        return nonzero_bits(values, start) & ((np.uint64(1) << np.uint64(left)) - np.uint64(1))
    bits = np.uint64(0)
    for k in range(left):
        bits |= np.uint64(values[start + k] != 0) << np.uint64(k)
    return bits


def lanes_for(cells: int, itemsize: int) -> int:
    """Return in how many lanes a row of cells is added: 1, 2, 4 or a multiple of 8, each compiled once."""
    lanes = -(-cells * itemsize // LANE_BYTES)
    return next((few for few in (1, 2, 4) if lanes <= few), -(-lanes // MOST_LANES) * MOST_LANES)


@cache
def block_kernel(lanes: int) -> Callable[..., None]:
    """Return the compiled sum of blocks of rows of so many lanes.

    Called as ``add(spikes, step, sample, at, block, rows, stride, weight, total)`` it adds what the payloads
    ``spikes`` (T, B, m), from ``step`` and ``sample`` on, cause to ``total`` (S, b, cells): neuron j adds
    ``rows[j]`` rows, from ``block[j]`` on in ``weight``, one after the other, to ``at[j]`` and every ``stride``
    cells further.  The tables are int32 (m,); ``weight`` (1-dimensional) is of total's type.
    """
    at_once = min(lanes, MOST_LANES)
    several = lanes // at_once

    @njit(cache=True, nogil=True)
    def kernel(spikes, step, sample, at, block, rows, stride, weight, total):  # type: ignore[no-untyped-def]
        steps, batch, _ = total.shape
        sources, flat = spikes.shape[2], spikes.reshape(-1)
        length = at_once * (LANE_BYTES // weight.itemsize)
        for b in range(batch):
            for t in range(steps):
                payload, cells = spikes[step + t, sample + b], total[t, b]
                first = ((step + t) * spikes.shape[1] + sample + b) * sources
                for start in range(0, sources, WORD):
                    bits = _active(flat, first + start, sources - start)
                    while bits:
                        j = start + lowest_bit(bits)
                        bits &= bits - np.uint64(1)
                        position, row, factor = block[j], at[j], payload[j]
                        for _ in range(rows[j]):
                            if several == 1:
                                add_lanes(at_once, cells, row, weight, position, factor)
                                position += length
                            else:
                                for part in range(several):
                                    add_lanes(at_once, cells, row + part * length, weight, position, factor)
                                    position += length
                            row += stride

    compiled: Callable[..., None] = kernel
    return compiled


@cache
def matrix_kernel(lanes: int) -> Callable[..., None]:
    """Return the compiled sum of rows of a matrix, for targets in rows of so many lanes.

    Called as ``add(spikes, step, sample, origin, stride, weight, total)`` it adds what the payloads ``spikes``
    (T, B, m), from ``step`` and ``sample`` on, cause to ``total`` (S, b, cells): neuron j adds ``weight[j]``
    (rows, row), of total's type, to ``origin`` and every ``stride`` cells further.
    """
    at_once = min(lanes, MOST_LANES)

    @njit(cache=True, nogil=True)
    def kernel(spikes, step, sample, origin, stride, weight, total):  # type: ignore[no-untyped-def]
        steps, batch, _ = total.shape
        sources, rows, row = weight.shape
        length, flat = at_once * (LANE_BYTES // weight.itemsize), spikes.reshape(-1)
        chosen = np.empty(sources, np.int32)
        for b in range(batch):
            for t in range(steps):
                payload, cells = spikes[step + t, sample + b], total[t, b]
                first = ((step + t) * spikes.shape[1] + sample + b) * sources
                count = 0
                for start in range(0, sources, WORD):
                    bits = _active(flat, first + start, sources - start)
                    while bits:
                        chosen[count] = start + lowest_bit(bits)
                        count += 1
                        bits &= bits - np.uint64(1)
                for r in range(rows):
                    for column in range(0, row, length):
                        place = origin + r * stride + column
                        add_rows(at_once, cells, place, weight, r * row + column, rows * row, chosen, count, payload)

    compiled: Callable[..., None] = kernel
    return compiled
