"""Matrix products over the nonzero values of one factor, on a CPU: faster than a library where few are nonzero.

The order of summation does not depend on the number of threads.
"""

from __future__ import annotations

import numpy as np
import torch
from numba import njit, prange
from torch import Tensor

from spear_deploy.simulate.tiles import add_runs, list_nonzero
from spear_deploy.simulate.vectors import LENGTH, LINE, aligned, whole_vectors

_NARROWEST = 64
"""Outputs above which adding rows of weights outweighs finding the nonzero values."""
_WORTH = 1 << 26
"""Multiplications above which the overhead (partial sums, reordered weights) pays off."""
LARGEST = 1 << 18
"""Number of weights above which they do not stay in a cache."""
_BUSIEST = 0.2
"""Share of nonzero values up to which iterating over them is faster than a library."""
_SEEN = 64
"""Rows inspected to estimate that share."""
_PARTS = 4
"""Parts of the rows with separate partial sums of the weights' gradients."""


def suits_events(x: Tensor, outputs: int) -> bool:
    """Whether rows (N, K) are so sparse that a product with that many outputs should use the nonzero values."""
    weights = outputs * x.shape[1]
    if outputs < _NARROWEST or weights > LARGEST or weights * len(x) < _WORTH:
        return False
    return fires_little(x[:: -(-len(x) // _SEEN)])


def fires_little(values: Tensor) -> bool:
    """Whether so few values are nonzero that iterating over them is faster than a library."""
    return int(torch.count_nonzero(values)) <= _BUSIEST * values.numel()


def product_by_events(x: Tensor, weight: Tensor) -> Tensor:
    """Return ``x @ weight.T``: x (N, K), weight (M, K)."""
    outputs, inputs = weight.shape
    y, pitch = x.new_empty(len(x), outputs), whole_vectors(outputs)
    rows = x.new_zeros(inputs, pitch)
    rows[:, :outputs] = weight.T
    _multiply(x.contiguous().numpy(), rows.view(-1).numpy(), y.numpy())
    return y


def correlation_by_events(grad: Tensor, x: Tensor) -> Tensor:
    """Return ``grad.T @ x``: grad (N, M), x (N, K)."""
    outputs, inputs = grad.shape[1], x.shape[1]
    pitch = whole_vectors(outputs)
    sums = x.new_zeros(_PARTS, inputs * pitch + LINE // 4)
    _correlate(x.contiguous().numpy(), grad.contiguous().numpy(), pitch, sums.numpy())
    return sums.sum(0)[: inputs * pitch].view(inputs, pitch)[:, :outputs].T


@njit(parallel=True, cache=True, nogil=True, error_model="numpy")
def _multiply(x, weights, y):  # type: ignore[no-untyped-def]
    """Set rows of ``y`` to sums of rows of ``weights``, flat and filled up to whole vectors."""
    (count, inputs), outputs = x.shape, y.shape[1]
    pitch = len(weights) // inputs
    for part in prange(_PARTS):
        places, factors = np.empty(inputs + LENGTH, np.int32), np.empty(inputs + LENGTH, np.float32)
        sums, here, rows = aligned(pitch), np.zeros(inputs, np.intp), np.arange(inputs) * pitch
        for n in range(part, count, _PARTS):
            for i in range(pitch):
                sums[i] = 0
            events, row = list_nonzero(x[n], 0, inputs, 0, places, factors, 0), y[n]
            add_runs(pitch // LENGTH, sums, 0, here, weights, 0, rows, places, factors, events)
            for i in range(outputs):
                row[i] = sums[i]


@njit(parallel=True, cache=True, nogil=True, error_model="numpy")
def _correlate(x, grad, pitch, of_weights):  # type: ignore[no-untyped-def]
    """Add rows of ``grad`` to the rows of weights, ``pitch`` apart, whose values are not zero: (parts, weights)."""
    (count, inputs), outputs = x.shape, grad.shape[1]
    for part in prange(_PARTS):
        places, factors = np.empty(inputs + LENGTH, np.int32), np.empty(inputs + LENGTH, np.float32)
        added, here, rows = aligned(pitch), np.zeros(inputs, np.intp), np.arange(inputs) * pitch
        for n in range(part, count, _PARTS):
            row = grad[n]
            for i in range(outputs):
                added[i] = row[i]
            events = list_nonzero(x[n], 0, inputs, 0, places, factors, 0)
            add_runs(pitch // LENGTH, of_weights[part], 0, rows, added, 0, here, places, factors, events)
