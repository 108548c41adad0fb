"""A convolution and its neurons' scan in one pass, forward and backward, on a CPU.

Both go through a sample frame by frame.  What arrives in a frame, and the gradient of that, is of one frame at a time:
it stays in a processor's cache and is never written to memory.  Forward, and for the gradient of the weights, only what
fires is gone through, a run of the target for each (:mod:`spear_deploy.simulate.convolution_layout`).  The frame that
comes next is asked for meanwhile.  Every sum has one order, whatever threads there are.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange

from spear_deploy.simulate.scan_kernel import backward_row, forward_row, step_before, surrogates_of
from spear_deploy.simulate.tiles import add_runs, fetch, list_nonzero, multiply_tile
from spear_deploy.simulate.vectors import LENGTH, LINE, aligned


@njit(inline="always")
def _kernel_rows(y, g):  # type: ignore[no-untyped-def]
    """Return the first kernel row that takes row ``y`` somewhere, to which row that is, and how many such there are."""
    at = y + g.padding
    below, first = at // g.stride, at % g.stride
    skipped = max(0, below - (g.rows - 1))
    many = min(-(-(g.kernel_rows - first) // g.stride), below + 1) - skipped
    return first + skipped * g.stride, below - skipped, max(0, many)


@njit(inline="always")
def _list_row(frame, y, g, places, factors):  # type: ignore[no-untyped-def]
    """List what is not zero in a row of a frame: its place in the row and its value; return how many there are."""
    count = 0
    for segment in range(g.segments):
        first = segment * g.between + y * g.step
        count = list_nonzero(frame, first, g.length, segment * g.length, places, factors, count)
    return count


@njit(inline="always")
def _fetch_part(row, part, parts):  # type: ignore[no-untyped-def]
    size = len(row)
    for place in range(size * part // parts, size * (part + 1) // parts, LINE // 4):
        fetch(row, place)


@njit(inline="always")
def convolve(frame, ahead, g, runs, bias, sums, places, factors, arriving):  # type: ignore[no-untyped-def]
    """Set ``arriving`` (size,) to the convolution of a frame; ``bias`` and ``sums`` are frames with margins."""
    lanes, of_row = g.run // LENGTH, g.across * g.channels * g.run
    for i in range(len(sums)):
        sums[i] = bias[i]
    for y in range(g.height):
        _fetch_part(ahead, y, g.height)
        ky, row, many = _kernel_rows(y, g)
        count = _list_row(frame, y, g, places, factors) if many else 0
        for k in range(many):
            at, of = (row - k) * g.pitch, (ky + k * g.stride) * of_row
            add_runs(lanes, sums, at, g.targets, runs, of, g.sources, places, factors, count)
    width = g.columns * g.outputs
    for row in range(g.rows):
        inside, into = sums[row * g.pitch + (g.taps - 1) * g.outputs :][:width], arriving[row * width :][:width]
        for i in range(width):
            into[i] = inside[i]


@njit(inline="always")
def with_margins(values, g, edged):  # type: ignore[no-untyped-def]
    """Put a frame (size,) between its margins."""
    width = g.columns * g.outputs
    for row in range(g.rows):
        inside, of = edged[row * g.pitch + (g.taps - 1) * g.outputs :][:width], values[row * width :][:width]
        for i in range(width):
            inside[i] = of[i]


@njit(inline="always")
def _add_rows(values, g, total):  # type: ignore[no-untyped-def]
    """Add up the rows of a frame (size,)."""
    width = g.columns * g.outputs
    for row in range(g.rows):
        of = values[row * width :][:width]
        for i in range(width):
            total[i] += of[i]


@njit(inline="always")
def _correlate(frame, ahead, g, edged, places, factors, of_runs):  # type: ignore[no-untyped-def]
    """Add the gradient of the weights that a frame gives where what it sends gets the gradient ``edged``."""
    lanes, of_row = g.run // LENGTH, g.across * g.channels * g.run
    for y in range(g.height):
        for each in ahead:
            _fetch_part(each, y, g.height)
        ky, row, many = _kernel_rows(y, g)
        count = _list_row(frame, y, g, places, factors) if many else 0
        for k in range(many):
            at, of = (ky + k * g.stride) * of_row, (row - k) * g.pitch
            add_runs(lanes, of_runs, at, g.sources, edged, of, g.targets, places, factors, count)


@njit(inline="always")
def _go_back_through(g, edged, columns, line, out):  # type: ignore[no-untyped-def]
    """Set ``out``, a frame of the source with channels last, to the gradient that it gets from ``edged``."""
    of_phase = g.taps * g.outputs * g.depth
    for y in range(g.height):
        ky, row, many = _kernel_rows(y, g)
        for index in range(len(g.phases)):
            phase, first, count = g.phases[index, 0], g.phases[index, 1], g.phases[index, 2]
            x, taps = g.phases[index, 3], g.phases[index, 4]
            missing = (g.taps - taps) * g.outputs
            weights = (ky * g.across + phase) * of_phase + missing * g.depth
            strides = (g.stride * g.across * of_phase, g.depth)
            start, counts = (row * g.pitch + first * g.outputs + missing, g.outputs, -g.pitch), (many, taps * g.outputs)
            for lane in range(0, g.depth, LENGTH):
                at = (x * g.depth + lane, g.across * g.depth)
                _multiply_row(count, line, at, edged, start, columns, (weights + lane, strides[0], strides[1]), counts)
        _without_filling(line, g, out[y * g.width * g.channels :])


@njit(inline="always")
def _multiply_row(count, line, at, edged, of, columns, by, counts):  # type: ignore[no-untyped-def]
    """Set ``count`` vectors, as :func:`multiply_tile` does; the last tile overlaps the one before."""
    rows = 4 if count >= 4 else 1
    if count >= 8:
        rows = 9 if count > 8 and -(-count // 9) * 9 <= -(-count // 8) * 8 else 8
    for k in range(0, count, rows):
        first = min(k, count - rows)
        into, start = (at[0] + first * at[1], at[1]), (of[0] + first * of[1], of[1], of[2])
        if rows == 9:
            multiply_tile(9, line, into, edged, start, columns, by, counts)
        elif rows == 8:
            multiply_tile(8, line, into, edged, start, columns, by, counts)
        elif rows == 4:
            multiply_tile(4, line, into, edged, start, columns, by, counts)
        else:
            multiply_tile(1, line, into, edged, start, columns, by, counts)


@njit(inline="always")
def _without_filling(line, g, out):  # type: ignore[no-untyped-def]
    """Put a row of the source, each cell of which is filled up to whole vectors, into a frame."""
    if g.depth == g.channels:
        for i in range(g.width * g.channels):
            out[i] = line[i]
    else:
        for x in range(g.width):
            for c in range(g.channels):
                out[x * g.channels + c] = line[x * g.depth + c]


@njit(inline="always")
def working_arrays(bias, g, size):  # type: ignore[no-untyped-def]
    """Return what :func:`convolve` works in, in the order of its arguments, of biases (O,) and for neurons (size,)."""
    places, factors = _row_lists(g)
    return _biases_with_margins(bias, g), aligned(g.rows * g.pitch + g.run), places, factors, aligned(size)


@njit(inline="always")
def _row_lists(g):  # type: ignore[no-untyped-def]
    """Return room to list where a row of the source is not zero, and its values there."""
    places = np.empty(g.width * g.channels + LENGTH, np.int32)
    return places, np.empty(len(places), np.float32)


@njit(inline="always")
def _biases_with_margins(bias, g):  # type: ignore[no-untyped-def]
    """Return a frame with margins of biases (O,)."""
    edged = aligned(g.rows * g.pitch + g.run)
    for place in range(0, g.rows * g.pitch, g.outputs):
        for i in range(g.outputs):
            edged[place + i] = bias[i]
    return edged


@njit(parallel=True, cache=True, nogil=True, error_model="numpy")
def convolve_and_scan(p, g, runs, bias, x, v_out, s_out):  # type: ignore[no-untyped-def]
    """Set membranes and spikes (T, B, size) to what a source's values ``x`` (T, B, frame) lead to."""
    (steps, batch, _), size = x.shape, v_out.shape[2]
    for b in prange(batch):
        current, v, sent = np.zeros(size, np.float32), p.start.copy(), np.zeros(size, np.float32)
        biases, sums, places, factors, arriving = working_arrays(bias, g, size)
        for t in range(steps):
            convolve(x[t, b], x[min(t + 1, steps - 1), b], g, runs, biases, sums, places, factors, arriving)
            forward_row(arriving, current, v, sent, p, v_out[t, b], s_out[t, b])


@njit(parallel=True, cache=True, nogil=True, error_model="numpy")
def go_back(slope, p, g, columns, x, v, grad, of_runs, of_bias, of_x):  # type: ignore[no-untyped-def]
    """Add the gradients of weights and biases, and set that of the source's values; ``grad`` is of the spikes.

    The first two are in parts of the batch, (parts, weights) and (parts, O); ``of_x`` (T, B, frame) has no step where
    nobody asks for it.
    """
    (steps, batch, _), size, parts = x.shape, v.shape[2], len(of_runs)
    surrogates = surrogates_of(p, slope)
    for part in prange(parts):
        places, factors = _row_lists(g)
        edged, line = aligned(g.rows * g.pitch + g.run), aligned(g.width * g.depth)
        total, arrived, before = np.zeros(g.columns * g.outputs, np.float32), aligned(size)[:size], aligned(size)[:size]
        for b in range(part, batch, parts):
            grad_v, grad_i = np.zeros(size, np.float32), np.zeros(size, np.float32)
            for back in range(steps):
                t, earlier = steps - 1 - back, max(steps - 2 - back, 0)
                step_before(v, t, b, p, before)
                for i in range(size):
                    arrived[i] = v[t, b, i]
                backward_row(grad[t, b], grad_v, grad_i, before, p, surrogates, arrived)
                with_margins(arrived, g, edged)
                _add_rows(arrived, g, total)
                ahead = (v[earlier, b], grad[earlier, b], x[earlier, b])
                _correlate(x[t, b], ahead, g, edged, places, factors, of_runs[part])
                if len(of_x):
                    _go_back_through(g, edged, columns, line, of_x[t, b])
        for place in range(0, len(total), g.outputs):
            for i in range(g.outputs):
                of_bias[part, i] += total[place + i]
