"""Event-driven integer matrix synapses: work for spikes only, not for synapses.

Where few neurons fire in a step, adding the weights of those that did costs a fraction of a matrix product
(docs/emulator.md has the measurements).  Exact in 32 bits.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange


@njit(parallel=True, cache=True, nogil=True)
def add_events(spikes, weight, exponent, out):  # type: ignore[no-untyped-def]
    """Add a matrix's sums: payloads ``spikes`` (T, B, m), ``weight`` (m, n) int32, into ``out`` (T, B, n) int32."""
    steps, batch, sources = spikes.shape
    size = weight.shape[1]
    for b in prange(batch):
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
                out[t, b, i] += total[i] << exponent
