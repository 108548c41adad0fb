"""Fused forward and backward scans of the float neuron on a CPU.

The eager torch scan is bound by memory traffic (some ten passes over the states a step); these do a single pass.
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

DAMPENING = 0.3
"""Share of the gradient that goes back through spikes that were fed back (Bellec et al. 2018, arXiv:1803.09574).

Undamped it grows beyond all numbers within a hundred steps of a trained recurrent layer.
"""
MOST_SPIKES = 2.0**20
"""Of a neuron in a step: none fires so often, and a loop that runs away stays within the numbers that floats hold."""
_NARROWEST = np.float32(1e-6)
"""Least distance from reset to threshold that the surrogate is scaled by."""
_ROWS = 4
"""Samples whose gradients go back through a matrix together."""


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
def _times(membrane, threshold, p):  # type: ignore[no-untyped-def]
    """Return how many spikes a neuron that fires sends, and by what the surrogate of one is multiplied."""
    one = np.float32(1.0)
    return min(max(one, np.float32(np.trunc(membrane / threshold))), np.float32(MOST_SPIKES)) if p.several else one


@njit(inline="always")
def _forward_step(b, t, i, arriving, current, v, p, v_out, s_out):  # type: ignore[no-untyped-def]
    zero = np.float32(0.0)
    current[i] = p.alpha[i] * current[i] + arriving
    membrane = p.beta[i] * v[i] + p.gain[i] * current[i] + p.bias[i]
    if p.reset_delay and t > 0 and s_out[t - 1, b, i] > zero:
        membrane = membrane - s_out[t - 1, b, i] * p.threshold[i] if p.subtract else p.reset[i]
    v_out[t, b, i] = membrane
    fired = membrane >= p.threshold[i] if p.inclusive else membrane > p.threshold[i]
    s_out[t, b, i] = _times(membrane, p.threshold[i], p) if fired else zero
    if fired and not p.reset_delay:
        membrane = membrane - s_out[t, b, i] * p.threshold[i] if p.subtract else p.reset[i]
    v[i] = max(membrane, p.floor)


@njit(inline="always")
def _backward_step(b, t, i, grad_s, grad_v, grad_i, p, v, s, slope):  # type: ignore[no-untyped-def]
    """Return the gradient of what arrived; ``grad_v`` and ``grad_i`` go back a step."""
    one = np.float32(1.0)
    width = max(abs(p.threshold[i] - p.reset[i]), _NARROWEST)
    distance = np.float32(np.pi / 2 * slope) * (v[t, b, i] - p.threshold[i]) / width
    spikes = np.float32(0.0) if p.reset_delay else s[t, b, i]  # that act on this step's membrane
    kept = p.beta[i] * grad_v[i]
    if (spikes > 0 and not p.subtract) or v[t, b, i] - spikes * p.threshold[i] < p.floor:
        kept = np.float32(0.0)
    surrogate = np.float32(slope / 2) / (one + distance * distance) / width
    grad_v[i] = grad_s * _times(v[t, b, i], p.threshold[i], p) * surrogate + kept
    if p.reset_delay and not p.subtract and t > 0 and s[t - 1, b, i] > 0:
        grad_v[i] = np.float32(0.0)
    grad_i[i] = p.gain[i] * grad_v[i] + p.alpha[i] * grad_i[i]
    return grad_i[i]


@njit(parallel=True, cache=True, nogil=True)
def _scan_forward(x, p, v_out, s_out):  # type: ignore[no-untyped-def]
    steps, batch, size = x.shape
    for b in prange(batch):
        current, v = np.zeros(size, np.float32), p.start.copy()
        for t in range(steps):
            for i in range(size):
                _forward_step(b, t, i, x[t, b, i], current, v, p, v_out, s_out)


@njit(parallel=True, cache=True, nogil=True)
def scan_backward(grad, p, v, s, slope, out):  # type: ignore[no-untyped-def]
    """Backpropagate ``grad`` of spikes ``s`` to what arrived, ``out``; ``v`` before the reset; all (T, B, n)."""
    steps, batch, size = grad.shape
    for b in prange(batch):
        grad_v, grad_i = np.zeros(size, np.float32), np.zeros(size, np.float32)
        for back in range(steps):
            t = steps - 1 - back
            for i in range(size):
                out[t, b, i] = _backward_step(b, t, i, grad[t, b, i], grad_v, grad_i, p, v, s, slope)


@njit(parallel=True, cache=True, nogil=True)
def _loop_forward(x, columns, offset, p, v_out, s_out):  # type: ignore[no-untyped-def]
    steps, batch, size = x.shape
    for b in prange(batch):
        current, v, fed_back = np.zeros(size, np.float32), p.start.copy(), np.empty(size, np.float32)
        for t in range(steps):
            fed_back[:] = offset
            if t > 0:
                for j in range(size):
                    sent = s_out[t - 1, b, j]
                    if sent > np.float32(0.0):
                        for i in range(size):
                            fed_back[i] += sent * columns[j, i]
            for i in range(size):
                _forward_step(b, t, i, x[t, b, i] + fed_back[i], current, v, p, v_out, s_out)


@njit(inline="always")
def _times_matrix(rows, weight, out):  # type: ignore[no-untyped-def]
    """Set ``out`` to ``rows @ weight``, both (_ROWS, n), each sum in the order of the matrix's rows.

    A row of the matrix is read once for all, two at a time: what is written in between stays next to the processor.
    """
    size = len(weight)
    out[:] = np.float32(0.0)
    a, b, c, d = out[0], out[1], out[2], out[3]
    for k in range(0, size - 1, 2):
        first, second = weight[k], weight[k + 1]
        a1, b1, c1, d1 = rows[0, k], rows[1, k], rows[2, k], rows[3, k]
        a2, b2, c2, d2 = rows[0, k + 1], rows[1, k + 1], rows[2, k + 1], rows[3, k + 1]
        for i in range(size):
            a[i] = a[i] + first[i] * a1 + second[i] * a2
            b[i] = b[i] + first[i] * b1 + second[i] * b2
            c[i] = c[i] + first[i] * c1 + second[i] * c2
            d[i] = d[i] + first[i] * d1 + second[i] * d2
    for k in range(size - size % 2, size):
        for row in range(_ROWS):
            for i in range(size):
                out[row, i] += weight[k, i] * rows[row, k]


@njit(parallel=True, cache=True, nogil=True)
def loop_backward(grad, weight, p, v, s, slope, out):  # type: ignore[no-untyped-def]
    """The same where spikes were fed back through ``weight`` (target, source), a step later."""
    steps, batch, size = grad.shape
    for block in prange(-(-batch // _ROWS)):
        first = block * _ROWS
        grad_v, grad_i = np.zeros((_ROWS, size), np.float32), np.zeros((_ROWS, size), np.float32)
        arrived, fed_back = np.zeros((_ROWS, size), np.float32), np.zeros((_ROWS, size), np.float32)
        for back in range(steps):
            t = steps - 1 - back
            if back > 0:
                _times_matrix(arrived, weight, fed_back)
            for row in range(min(_ROWS, batch - first)):
                b = first + row
                later, current, here, sums = grad_v[row], grad_i[row], arrived[row], fed_back[row]
                for i in range(size):
                    grad_s = grad[t, b, i] + np.float32(DAMPENING) * sums[i]
                    here[i] = _backward_step(b, t, i, grad_s, later, current, p, v, s, slope)
                out[t, b] = here


class FusedScan(torch.autograd.Function):
    """Spikes (T, B, n) of summed input (T, B, n)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, parameters: Parameters, slope: float) -> Tensor:
        """Scan forward and keep the membranes for the backward pass."""
        source = x.detach().contiguous().numpy()
        v, s = np.empty_like(source), np.empty_like(source)
        _scan_forward(source, parameters, v, s)
        ctx.parameters, ctx.slope = parameters, slope
        spikes = torch.from_numpy(s)
        ctx.save_for_backward(torch.from_numpy(v), spikes)
        return spikes

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        """Backpropagate through time with the surrogate."""
        v, s = (tensor.numpy() for tensor in ctx.saved_tensors)
        out = np.empty_like(v)
        scan_backward(gradients[0].contiguous().numpy(), ctx.parameters, v, s, ctx.slope, out)
        return torch.from_numpy(out), None, None


class FusedLoop(torch.autograd.Function):
    """Spikes (T, B, n) of summed input (T, B, n) and of the neurons' own spikes of the step before.

    What is fed back is ``weight @ s + bias``: weight (n, n), bias (n,).
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, parameters: Parameters, slope: float) -> Tensor:
        """Scan forward and keep the membranes for the backward pass."""
        source, matrix = x.detach().contiguous().numpy(), weight.detach().numpy().copy()
        v, s = np.empty_like(source), np.empty_like(source)
        _loop_forward(source, np.ascontiguousarray(matrix.T), bias.detach().contiguous().numpy(), parameters, v, s)
        ctx.matrix, ctx.parameters, ctx.slope = matrix, parameters, slope
        spikes = torch.from_numpy(s)
        ctx.save_for_backward(torch.from_numpy(v), spikes)
        return spikes

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None]:
        """Backpropagate through time and the feedback."""
        v, s = ctx.saved_tensors
        arrived = np.empty_like(v.numpy())
        grad = gradients[0].contiguous().numpy()
        loop_backward(grad, ctx.matrix, ctx.parameters, v.numpy(), s.numpy(), ctx.slope, arrived)
        out = torch.from_numpy(arrived)
        return out, out[1:].flatten(0, 1).T @ s[:-1].flatten(0, 1), out.sum(dim=(0, 1)), None, None
