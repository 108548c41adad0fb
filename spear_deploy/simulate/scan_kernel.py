"""Fused forward and backward scans of the float neuron on a CPU.

The eager torch scan is bound by memory traffic (some ten passes over the states a step); these do a single pass.
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

from spear_deploy.simulate.products import product
from spear_deploy.simulate.row_product import ROWS, add_products, nonzero_columns, padded

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
def _forward_row(arriving, current, v, sent, p, v_out, s_out):  # type: ignore[no-untyped-def]
    """Advance a sample's neurons by a step; all are (n,), and ``sent`` are the spikes of the step before, then of it.

    Nothing branches but on what all neurons have in common, so that the loop runs on vectors.
    """
    zero, one, most = np.float32(0.0), np.float32(1.0), np.float32(MOST_SPIKES)
    alpha, beta, gain, bias, threshold, reset = p.alpha, p.beta, p.gain, p.bias, p.threshold, p.reset
    late = one if p.reset_delay else zero
    for i in range(len(v)):
        current[i] = alpha[i] * current[i] + arriving[i]
        membrane = beta[i] * v[i] + gain[i] * current[i] + bias[i]
        before = late * sent[i]
        membrane = membrane - before * threshold[i] if p.subtract else (reset[i] if before > zero else membrane)
        v_out[i] = membrane
        fired = membrane >= threshold[i] if p.inclusive else membrane > threshold[i]
        times = min(max(one, np.float32(np.trunc(membrane / threshold[i]))), most) if p.several else one
        spikes = times if fired else zero
        s_out[i] = sent[i] = spikes
        left = membrane - spikes * threshold[i] if p.subtract else (reset[i] if fired else membrane)
        v[i] = max(membrane if p.reset_delay else left, p.floor)


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
def _surrogates(p, slope):  # type: ignore[no-untyped-def]
    """Return (2, n): what each neuron's distance from its threshold is multiplied by, and its surrogate there."""
    found = np.empty((2, len(p.threshold)), np.float32)
    for i in range(len(p.threshold)):
        width = max(abs(p.threshold[i] - p.reset[i]), _NARROWEST)
        found[0, i], found[1, i] = np.float32(np.pi / 2 * slope) / width, np.float32(slope / 2) / width
    return found


@njit(inline="always")
def _backward_row(grad, grad_v, grad_i, sent, p, surrogates, v, s, out):  # type: ignore[no-untyped-def]
    """Set ``out`` to the gradient of what arrived; ``grad_v`` and ``grad_i`` go back a step; all are (n,)."""
    zero, one, most = np.float32(0.0), np.float32(1.0), np.float32(MOST_SPIKES)
    alpha, beta, gain, threshold = p.alpha, p.beta, p.gain, p.threshold
    scale, peak = surrogates[0], surrogates[1]
    now = zero if p.reset_delay else one
    zeroes, late = not p.subtract, p.reset_delay and not p.subtract
    for i in range(len(grad_v)):
        distance = scale[i] * (v[i] - threshold[i])
        surrogate = peak[i] / (one + distance * distance)
        times = min(max(one, np.float32(np.trunc(v[i] / threshold[i]))), most) if p.several else one
        spikes = now * s[i]  # that act on this step's membrane
        cut = (v[i] - spikes * threshold[i] < p.floor) | (zeroes & (spikes > zero))
        later = grad[i] * times * surrogate + (zero if cut else beta[i] * grad_v[i])
        grad_v[i] = zero if late & (sent[i] > zero) else later
        grad_i[i] = gain[i] * grad_v[i] + alpha[i] * grad_i[i]
        out[i] = grad_i[i]


@njit(parallel=True, cache=True, nogil=True, error_model="numpy")
def _scan_forward(neurons, x, v_out, s_out):  # type: ignore[no-untyped-def]
    (steps, batch, size), p = x.shape, _tiled_neurons(neurons, x.shape[2] // len(neurons.start))
    for b in prange(batch):
        current, v, sent = np.zeros(size, np.float32), p.start.copy(), np.zeros(size, np.float32)
        for t in range(steps):
            _forward_row(x[t, b], current, v, sent, p, v_out[t, b], s_out[t, b])


@njit(inline="always")
def _send_before(s, t, b, p, sent):  # type: ignore[no-untyped-def]
    """Set ``sent`` to a sample's spikes of the step before that reset in this one; zeros where spikes reset at once."""
    if p.reset_delay and t > 0:
        sent[:] = s[t - 1, b]
    else:
        sent[:] = np.float32(0.0)


@njit(parallel=True, cache=True, nogil=True, error_model="numpy")
def scan_backward(slope, neurons, grad, v, s, out):  # type: ignore[no-untyped-def]
    """Backpropagate ``grad`` of spikes ``s`` to what arrived, ``out``; ``v`` before the reset; all (T, B, n)."""
    (steps, batch, size), p = grad.shape, _tiled_neurons(neurons, grad.shape[2] // len(neurons.start))
    surrogates = _surrogates(p, slope)
    for b in prange(batch):
        grad_v, grad_i, sent = np.zeros(size, np.float32), np.zeros(size, np.float32), np.zeros(size, np.float32)
        for back in range(steps):
            t = steps - 1 - back
            _send_before(s, t, b, p, sent)
            _backward_row(grad[t, b], grad_v, grad_i, sent, p, surrogates, v[t, b], s[t, b], out[t, b])


@njit(parallel=True, cache=True, nogil=True, error_model="numpy")
def _loop_forward(p, x, columns, offset, v_out, s_out):  # type: ignore[no-untyped-def]
    """The same where spikes are fed back, a step later, through ``columns``, the padded matrix (source, target)."""
    (steps, batch, size), pitch = x.shape, columns.shape[1]
    for block in prange(-(-batch // ROWS)):
        first, many = block * ROWS, min(ROWS, batch - block * ROWS)
        current, v = np.zeros((ROWS, size), np.float32), np.empty((ROWS, size), np.float32)
        sums, sent = np.zeros((ROWS, pitch), np.float32), np.zeros((ROWS, pitch), np.float32)
        chosen = np.empty(size + 1, np.intp)
        v[:] = p.start
        for t in range(steps):
            for row in range(many):
                sums[row, :size] = x[t, first + row] + offset
            add_products(sums, sent, columns, chosen, nonzero_columns(sent, size, chosen))
            for row in range(many):
                b = first + row
                _forward_row(sums[row], current[row], v[row], sent[row], p, v_out[t, b], s_out[t, b])


@njit(parallel=True, cache=True, nogil=True, error_model="numpy")
def loop_backward(slope, p, grad, weight, v, s, out):  # type: ignore[no-untyped-def]
    """The same where spikes were fed back, a step later, through ``weight``, the padded matrix (target, source)."""
    (steps, batch, size), pitch = grad.shape, weight.shape[1]
    surrogates, dampened, every = _surrogates(p, slope), np.float32(DAMPENING) * weight, np.arange(size)
    for block in prange(-(-batch // ROWS)):
        first, many = block * ROWS, min(ROWS, batch - block * ROWS)
        grad_v, grad_i = np.zeros((ROWS, size), np.float32), np.zeros((ROWS, size), np.float32)
        sums, arrived = np.zeros((ROWS, pitch), np.float32), np.zeros((ROWS, pitch), np.float32)
        sent = np.zeros(size, np.float32)
        for back in range(steps):
            t = steps - 1 - back
            for row in range(many):
                sums[row, :size] = grad[t, first + row]
            add_products(sums, arrived, dampened, every, size)
            for row in range(many):
                b = first + row
                _send_before(s, t, b, p, sent)
                _backward_row(sums[row], grad_v[row], grad_i[row], sent, p, surrogates, v[t, b], s[t, b], out[t, b])
                arrived[row, :size] = out[t, b]


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
        spikes = torch.from_numpy(s)
        ctx.save_for_backward(torch.from_numpy(v), spikes)
        return spikes

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        """Backpropagate through time with the surrogate."""
        v, s = (tensor.numpy() for tensor in ctx.saved_tensors)
        out = np.empty_like(v)
        scan_backward(ctx.slope, ctx.parameters, *joined(gradients[0].contiguous().numpy(), v, s, out))
        return torch.from_numpy(out), None, None


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
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None]:
        """Backpropagate through time and the feedback."""
        v, s = ctx.saved_tensors
        arrived = np.empty_like(v.numpy())
        grad = gradients[0].contiguous().numpy()
        loop_backward(ctx.slope, ctx.parameters, grad, ctx.matrix, v.numpy(), s.numpy(), arrived)
        out = torch.from_numpy(arrived)
        fed_back = product(out[1:].flatten(0, 1).T, s[:-1].flatten(0, 1).T)
        return out, fed_back, out.sum(dim=(0, 1)), None, None
