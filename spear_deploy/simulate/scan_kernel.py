"""Fused forward and backward scans of the float neuron on a CPU.

The eager torch scan is bound by memory traffic (some ten passes over the states a step); these do a single pass.
Backward they read membranes and gradients, tell the spikes from those membranes again, and write over them.
Samples of a recurrent layer go through its matrix a few at a time.
Same equations and surrogate as :mod:`spear_deploy.simulate.simulator`, for neurons that fire; on their own, or feeding
back to themselves through a matrix.  The reset is detached.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from numba import njit, prange
from numpy.typing import NDArray
from torch import Tensor

from spear_deploy.simulate.products import weight_gradient
from spear_deploy.simulate.row_product import ROWS, add_products, nonzero_columns, padded, padded_rows
from spear_deploy.simulate.vectors import aligned

DAMPENING = 0.3
"""Share of the gradient that goes back through spikes that were fed back (Bellec et al. 2018, arXiv:1803.09574).

Undamped it grows beyond all numbers within a hundred steps of a trained recurrent layer.
"""
MOST_SPIKES = 2.0**20
"""Of a neuron in a step: none fires so often, and a loop that runs away stays within the numbers that floats hold."""
_WIDE = 512
"""Neurons of a row, if those of one sample are fewer."""
_NARROWEST = np.float32(1e-6)
"""Least distance from reset to threshold that the surrogate is scaled by."""


class Parameters(NamedTuple):
    """A population's neurons: arrays are (n,) float32.

    ``several``: a neuron fires as often as the threshold fits into its membrane, up to ``MOST_SPIKES``; ``floor`` is
    the lowest membrane that a step leaves.
    """

    alpha: NDArray[np.float32]
    beta: NDArray[np.float32]
    gain: NDArray[np.float32]
    bias: NDArray[np.float32]
    threshold: NDArray[np.float32]
    reset: NDArray[np.float32]
    start: NDArray[np.float32]
    inclusive: bool
    subtract: bool
    reset_delay: bool
    several: bool = False
    floor: np.float32 = np.float32(-np.inf)


@njit(inline="always")
def _times(membrane, threshold, several):  # type: ignore[no-untyped-def]
    """Return how often a neuron fires, if it does."""
    one, most = np.float32(1.0), np.float32(MOST_SPIKES)
    return min(max(one, np.float32(np.trunc(membrane / threshold))), most) if several else one


@njit(inline="always")
def _fires(membrane, threshold, inclusive):  # type: ignore[no-untyped-def]
    return (membrane > threshold) | (inclusive & (membrane == threshold))


@njit(inline="always")
def _left(membrane, spikes, threshold, reset, subtract):  # type: ignore[no-untyped-def]
    """Return the membrane that spikes leave."""
    zero = np.float32(0.0)
    taken = spikes * (threshold if subtract else zero)
    return reset if (spikes > zero) & (not subtract) else membrane - taken


@njit(inline="always")
def _advance(i, several, arriving, current, v, sent, p, v_out, s_out):  # type: ignore[no-untyped-def]
    """Advance neuron ``i`` by a step, without branches: so that a loop over them runs on vectors."""
    threshold, reset, late = p.threshold[i], p.reset[i], np.float32(p.reset_delay)
    current[i] = p.alpha[i] * current[i] + arriving[i]
    membrane = p.beta[i] * v[i] + p.gain[i] * current[i] + p.bias[i]
    membrane = _left(membrane, late * sent[i], threshold, reset, p.subtract)
    v_out[i] = membrane
    fired = _fires(membrane, threshold, p.inclusive)
    spikes = _times(membrane, threshold, several) if fired else np.float32(0.0)
    s_out[i] = sent[i] = spikes
    v[i] = max(_left(membrane, (np.float32(1.0) - late) * spikes, threshold, reset, p.subtract), p.floor)


@njit(inline="always")
def forward_row(arriving, current, v, sent, p, v_out, s_out):  # type: ignore[no-untyped-def]
    """Advance a sample's neurons by a step; all are (n,).

    ``sent`` are the spikes of the step before, then of this one.
    """
    if p.several:
        for i in range(len(v)):
            _advance(i, True, arriving, current, v, sent, p, v_out, s_out)
    else:
        for i in range(len(v)):
            _advance(i, False, arriving, current, v, sent, p, v_out, s_out)


@njit(inline="always")
def tiled(array, samples):  # type: ignore[no-untyped-def]
    """Return (n,) so many times, one behind the other: the neurons of several samples."""
    size = len(array)
    wide = np.empty(samples * size, array.dtype)
    for k in range(samples):
        for i in range(size):
            wide[k * size + i] = array[i]
    return wide


@njit(inline="always")
def _tiled_neurons(p, samples):  # type: ignore[no-untyped-def]
    arrays = (tiled(p.alpha, samples), tiled(p.beta, samples), tiled(p.gain, samples), tiled(p.bias, samples))
    levels = (tiled(p.threshold, samples), tiled(p.reset, samples), tiled(p.start, samples))
    return Parameters(*arrays, *levels, p.inclusive, p.subtract, p.reset_delay, p.several, p.floor)


@njit(cache=True, nogil=True, error_model="numpy")
def surrogates_of(p, slope):  # type: ignore[no-untyped-def]
    """Return what each neuron's distance from its threshold is multiplied by, and its surrogate there: (n,) both."""
    scale, peak = np.empty_like(p.threshold), np.empty_like(p.threshold)
    for i in range(len(p.threshold)):
        width = max(abs(p.threshold[i] - p.reset[i]), _NARROWEST)
        scale[i], peak[i] = np.float32(np.pi / 2 * slope) / width, np.float32(slope / 2) / width
    return scale, peak


@njit(inline="always")
def _go_back(i, several, grad, grad_v, grad_i, before, p, scale, peak, v):  # type: ignore[no-untyped-def]
    """Take neuron ``i`` back a step, without branches."""
    zero, one, threshold, membrane = np.float32(0.0), np.float32(1.0), p.threshold[i], v[i]
    times, distance = _times(membrane, threshold, several), scale[i] * (membrane - threshold)
    arrived = grad[i] * times * (peak[i] / (one + distance * distance))
    resets = (not p.reset_delay) & _fires(membrane, threshold, p.inclusive)  # this step's membrane
    spikes = times if resets else zero
    cut = (membrane - spikes * threshold < p.floor) | ((not p.subtract) & resets)
    later = arrived + (zero if cut else p.beta[i] * grad_v[i])
    was_reset = p.reset_delay & (not p.subtract) & _fires(before[i], threshold, p.inclusive)
    grad_v[i] = zero if was_reset else later
    grad_i[i] = p.gain[i] * grad_v[i] + p.alpha[i] * grad_i[i]
    v[i] = grad_i[i]


@njit(inline="always")
def backward_row(grad, grad_v, grad_i, before, p, surrogates, v):  # type: ignore[no-untyped-def]
    """Turn membranes ``v`` into the gradient of what arrived; ``grad_v`` and ``grad_i`` go back a step; all are (n,).

    ``before`` are the membranes of the step before.
    """
    scale, peak = surrogates
    if p.several:
        for i in range(len(grad_v)):
            _go_back(i, True, grad, grad_v, grad_i, before, p, scale, peak, v)
    else:
        for i in range(len(grad_v)):
            _go_back(i, False, grad, grad_v, grad_i, before, p, scale, peak, v)


@njit(parallel=True, cache=True, nogil=True, error_model="numpy")
def _scan_forward(neurons, x, v_out, s_out):  # type: ignore[no-untyped-def]
    (steps, batch, size), p = x.shape, _tiled_neurons(neurons, x.shape[2] // len(neurons.start))
    for b in prange(batch):
        current, v, sent = np.zeros(size, np.float32), p.start.copy(), np.zeros(size, np.float32)
        for t in range(steps):
            forward_row(x[t, b], current, v, sent, p, v_out[t, b], s_out[t, b])


@njit(inline="always")
def step_before(v, t, b, p, before):  # type: ignore[no-untyped-def]
    """Set ``before`` to a sample's membranes of the step before, whose spikes reset in this one if they do so late."""
    if p.reset_delay and t > 0:
        before[:] = v[t - 1, b]
    elif t == 0 or t == len(v) - 1:
        before[:] = np.float32(-np.inf)


@njit(parallel=True, cache=True, nogil=True, error_model="numpy")
def scan_backward(slope, neurons, grad, v):  # type: ignore[no-untyped-def]
    """Turn membranes before the reset, ``v``, into the gradient of what arrived; ``grad`` is of the spikes.

    Both are (T, B, n).
    """
    (steps, batch, size), p = grad.shape, _tiled_neurons(neurons, grad.shape[2] // len(neurons.start))
    surrogates = surrogates_of(p, slope)
    for b in prange(batch):
        grad_v, grad_i, before = np.zeros(size, np.float32), np.zeros(size, np.float32), np.empty(size, np.float32)
        for back in range(steps):
            t = steps - 1 - back
            step_before(v, t, b, p, before)
            backward_row(grad[t, b], grad_v, grad_i, before, p, surrogates, v[t, b])


@njit(parallel=True, cache=True, nogil=True, error_model="numpy")
def _loop_forward(p, x, columns, offset, v_out, s_out):  # type: ignore[no-untyped-def]
    """The same where spikes are fed back, a step later, through ``columns``, the padded matrix (source, target)."""
    (steps, batch, size), pitch = x.shape, columns.shape[1]
    for block in prange(-(-batch // ROWS)):
        first, many = block * ROWS, min(ROWS, batch - block * ROWS)
        current, v = np.zeros((ROWS, size), np.float32), np.empty((ROWS, size), np.float32)
        sums, sent = padded_rows(pitch), padded_rows(pitch)
        chosen = np.empty(size + 1, np.intp)
        v[:] = p.start
        for t in range(steps):
            for row in range(many):
                for i in range(size):
                    sums[row, i] = x[t, first + row, i] + offset[i]
            add_products(sums, sent, columns, chosen, nonzero_columns(sent, size, chosen))
            for row in range(many):
                b = first + row
                forward_row(sums[row], current[row], v[row], sent[row], p, v_out[t, b], s_out[t, b])


@njit(parallel=True, cache=True, nogil=True, error_model="numpy")
def loop_backward(slope, p, grad, weight, v):  # type: ignore[no-untyped-def]
    """The same where spikes were fed back, a step later, through ``weight``, the padded matrix (target, source)."""
    (steps, batch, size), pitch = grad.shape, weight.shape[1]
    surrogates, every = surrogates_of(p, slope), np.arange(size)
    dampened = aligned(weight.size)[: weight.size].reshape(weight.shape)
    dampened[:] = np.float32(DAMPENING) * weight
    for block in prange(-(-batch // ROWS)):
        first, many = block * ROWS, min(ROWS, batch - block * ROWS)
        grad_v, grad_i = np.zeros((ROWS, size), np.float32), np.zeros((ROWS, size), np.float32)
        sums, arrived = padded_rows(pitch), padded_rows(pitch)
        before = np.empty(size, np.float32)
        for back in range(steps):
            t = steps - 1 - back
            for row in range(many):
                for i in range(size):
                    sums[row, i] = grad[t, first + row, i]
            add_products(sums, arrived, dampened, every, size)
            for row in range(many):
                b = first + row
                step_before(v, t, b, p, before)
                backward_row(sums[row], grad_v[row], grad_i[row], before, p, surrogates, v[t, b])
                for i in range(size):
                    arrived[row, i] = v[t, b, i]


def to_overwrite(saved: Tensor) -> NDArray[np.float32]:
    """Return what a tensor saved for the backward pass holds, to be overwritten: a second such pass raises."""
    torch.autograd.graph.increment_version(saved)
    return saved.numpy()


def joined(*arrays: NDArray[Any]) -> tuple[NDArray[Any], ...]:
    """Return arrays (T, B, n) with the neurons of several samples as one's: (T, B / samples, samples * n).

    The loop over a row of few neurons takes longer to be entered than to run.
    """
    steps, batch, size = arrays[0].shape
    samples = max(count for count in range(1, max(1, min(batch, _WIDE // size)) + 1) if batch % count == 0)
    return tuple(each.reshape(steps, batch // samples, samples * size) for each in arrays)


class FusedScan(torch.autograd.Function):
    """Spikes (T, B, n) of summed input (T, B, n)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, parameters: Parameters, slope: float) -> Tensor:
        """Scan forward and keep the membranes for the backward pass."""
        source = x.detach().contiguous().numpy()
        v, s = np.empty_like(source), np.empty_like(source)
        _scan_forward(parameters, *joined(source, v, s))
        ctx.parameters, ctx.slope = parameters, slope
        ctx.save_for_backward(torch.from_numpy(v))
        return torch.from_numpy(s)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        """Backpropagate through time with the surrogate."""
        (v,) = ctx.saved_tensors
        scan_backward(ctx.slope, ctx.parameters, *joined(gradients[0].contiguous().numpy(), to_overwrite(v)))
        return v, None, None


class FusedLoop(torch.autograd.Function):
    """Spikes (T, B, n) of summed input (T, B, n) and of the neurons' own spikes of the step before.

    What is fed back is ``weight @ s + bias``: weight (n, n), bias (n,).
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, parameters: Parameters, slope: float) -> Tensor:
        """Scan forward and keep the membranes for the backward pass."""
        source, matrix = x.detach().contiguous().numpy(), weight.detach().numpy()
        v, s = np.empty_like(source), np.empty_like(source)
        _loop_forward(parameters, source, padded(matrix.T), bias.detach().contiguous().numpy(), v, s)
        ctx.matrix, ctx.parameters, ctx.slope = padded(matrix), parameters, slope
        spikes = torch.from_numpy(s)
        ctx.save_for_backward(torch.from_numpy(v), spikes)
        return spikes

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor | None, None, None]:
        """Backpropagate through time and the feedback."""
        out, s = ctx.saved_tensors
        loop_backward(ctx.slope, ctx.parameters, gradients[0].contiguous().numpy(), ctx.matrix, to_overwrite(out))
        fed_back = weight_gradient(out[1:].flatten(0, 1), s[:-1].flatten(0, 1))
        of_bias = out.sum(dim=(0, 1)) if ctx.needs_input_grad[2] else None
        return out, fed_back, of_bias, None, None
