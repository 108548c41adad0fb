"""Fused forward and backward scan of the float neuron on a CPU.

The eager torch scan is bound by memory traffic (some ten passes over the states a step); this one does a
single pass.  Same equations and surrogate as :mod:`spear_deploy.simulate.float_sim`, for neurons that
reset to a value in the same step.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numba import njit, prange
from torch import Tensor


@njit(parallel=True, cache=True, nogil=True)
def _forward(x, alpha, beta, gain, bias, threshold, reset, inclusive, v_out, s_out):  # type: ignore[no-untyped-def]
    steps, batch, size = x.shape
    for b in prange(batch):
        current = np.zeros(size, np.float32)
        v = reset.copy()
        for t in range(steps):
            for i in range(size):
                current[i] = alpha[i] * current[i] + x[t, b, i]
                membrane = beta[i] * v[i] + gain[i] * current[i] + bias[i]
                v_out[t, b, i] = membrane
                fired = membrane >= threshold[i] if inclusive else membrane > threshold[i]
                s_out[t, b, i] = np.float32(1.0) if fired else np.float32(0.0)
                v[i] = reset[i] if fired else membrane


@njit(parallel=True, cache=True, nogil=True)
def _backward(grad, v, s, alpha, beta, gain, threshold, reset, slope, out):  # type: ignore[no-untyped-def]
    steps, batch, size = grad.shape
    half, curve = np.float32(slope / 2), np.float32(np.pi / 2 * slope)
    for b in prange(batch):
        grad_v = np.zeros(size, np.float32)
        grad_i = np.zeros(size, np.float32)
        for back in range(steps):
            t = steps - 1 - back
            for i in range(size):
                width = threshold[i] - reset[i]
                distance = curve * (v[t, b, i] - threshold[i]) / width
                surrogate = half / (np.float32(1.0) + distance * distance) / width
                kept = beta[i] * grad_v[i] * (np.float32(1.0) - s[t, b, i])
                grad_v[i] = grad[t, b, i] * surrogate + kept
                grad_i[i] = gain[i] * grad_v[i] + alpha[i] * grad_i[i]
                out[t, b, i] = grad_i[i]


class FusedScan(torch.autograd.Function):
    """Spikes (T, B, n) of summed input (T, B, n); parameters are (n,) float32 arrays."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, parameters: tuple[np.ndarray, ...], inclusive: bool, slope: float) -> Tensor:
        """Scan forward and keep the membranes for the backward pass."""
        source = x.detach().contiguous().numpy()
        v, s = np.empty_like(source), np.empty_like(source)
        _forward(source, *parameters, inclusive, v, s)
        ctx.parameters, ctx.slope = parameters, slope
        spikes = torch.from_numpy(s)
        ctx.save_for_backward(torch.from_numpy(v), spikes)
        return spikes

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        """Backpropagate through time with the surrogate; the reset is detached."""
        v, s = (tensor.numpy() for tensor in ctx.saved_tensors)
        alpha, beta, gain, _, threshold, reset = ctx.parameters
        out = np.empty_like(v)
        _backward(gradients[0].contiguous().numpy(), v, s, alpha, beta, gain, threshold, reset, ctx.slope, out)
        return torch.from_numpy(out), None, None, None
