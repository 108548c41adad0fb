"""Event-driven integer matrix synapses: work for spikes only, not for synapses.

Where few neurons fire in a step, adding the weights of those that did costs a fraction of a matrix product
(docs/emulator.md has the measurements).  Exact in 32 bits.
"""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def sum_events(spikes, weight, exponent, out):  # type: ignore[no-untyped-def]
    """Sum a matrix: payloads ``spikes`` (T, B, m), ``weight`` (m, n) int32 mantissas, to ``out`` (T, B, n) int32."""
    steps, batch, sources = spikes.shape
    size = weight.shape[1]
    for b in range(batch):
        total = np.empty(size, np.int32)
        for t in range(steps):
            total[:] = 0
            for j in range(sources):
                payload = np.int32(spikes[t, b, j])
                if payload == 1:
                    for i in range(size):
                        total[i] += weight[j, i]
                elif payload != 0:
                    for i in range(size):
                        total[i] += payload * weight[j, i]
            for i in range(size):
                out[t, b, i] = total[i] << exponent
