"""How samples become input over time steps."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Encoding: TypeAlias = Literal["constant", "rate"]


def regular_rate(values: NDArray[Any], steps: int) -> NDArray[np.uint8]:
    """Code values in 0..1 as evenly spread binary spikes, without noise: (B, *shape) -> (steps, B, *shape).

    A value x spikes at step t where floor(x (t + 1) + 1/2) > floor(x t + 1/2), so that it fires
    round(x * steps) times and equal values give equal bytes.
    """
    x = np.asarray(values, np.float64)
    edges = np.arange(steps + 1, dtype=np.float64).reshape(-1, *([1] * x.ndim))
    reached = np.floor(x * edges + 0.5)
    return (reached[1:] > reached[:-1]).astype(np.uint8)


def constant(values: NDArray[Any], steps: int) -> NDArray[np.float32]:
    """Hold values over all steps (direct encoding): (B, *shape) -> a read-only view (steps, B, *shape)."""
    x = np.asarray(values, np.float32)
    return np.broadcast_to(x, (steps, *x.shape))
