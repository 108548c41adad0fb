"""Rasters of spikes or membranes, (N, T, *shape), compared bin by bin."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Raster: TypeAlias = NDArray[np.generic]


def earliest(differs: NDArray[Any]) -> tuple[int, ...] | None:
    """Return (sample, step, *neuron) of the bin that differs in the earliest step; of several the first.

    ``differs`` is (N, T, *shape), bool.  None: no bin differs.
    """
    if not differs.any():
        return None
    by_step = np.moveaxis(differs, 1, 0)
    step, sample, *neuron = (int(index) for index in np.unravel_index(by_step.argmax(), by_step.shape))
    return sample, step, *neuron
