"""The fused integer neuron update: Loihi's LIF, bit for bit as Lava's ``PyLifModelBitAcc`` computes it.

Per step, with ``tz(x, d) = sgn(x) * ((|x| * d) >> 12)``::

    u = tz(u, 4096 - (du + 1)) + (a << 6)              one wrap at 24 bits
    v = clip(tz(v, 4096 - dv) + u + bias, +-(2^23 - 1))
    s = v > (vth << 6);   v = 0 where s

The product needs 35 bits; it is split so that all stays in 32 (exact).
"""

from __future__ import annotations

import numpy as np
from numba import njit

_WRAP = 1 << 23


@njit(inline="always")
def _decay(x, factor):  # type: ignore[no-untyped-def]
    magnitude = abs(x)
    kept = (magnitude >> 12) * factor + (((magnitude & 4095) * factor) >> 12)
    return -kept if x < 0 else kept


@njit(inline="always")
def _integrate(a, u, v, keep_u, keep_v, bias):  # type: ignore[no-untyped-def]
    current = np.int32(_decay(u, keep_u) + (a << np.int32(6)))
    if current > _WRAP:
        current -= 2 * _WRAP
    elif current <= -_WRAP:
        current += 2 * _WRAP
    membrane = _decay(v, keep_v) + current + bias
    return current, min(max(membrane, -_WRAP + 1), _WRAP - 1)


@njit(cache=True, nogil=True)
def scan_lif(a, keep_u, keep_v, vth, bias, u, v, out):  # type: ignore[no-untyped-def]
    """Scan spiking neurons over time.

    ``a`` (T, B, n) int32 summed synaptic input; ``keep_u`` = 4096 - (du + 1), ``keep_v`` = 4096 - dv,
    ``vth`` (already shifted by 6) and ``bias`` (n,) int32; ``u``, ``v`` (B, n) int32 hold the states and
    are overwritten; ``out`` (T, B, n) uint8 receives the spikes.
    """
    steps, batch, size = a.shape
    for b in range(batch):
        for t in range(steps):
            for i in range(size):
                u[b, i], membrane = _integrate(a[t, b, i], u[b, i], v[b, i], keep_u[i], keep_v[i], bias[i])
                fired = membrane > vth[i]
                out[t, b, i] = fired
                v[b, i] = 0 if fired else membrane


@njit(cache=True, nogil=True)
def scan_readout(a, keep_u, keep_v, bias, u, v, out):  # type: ignore[no-untyped-def]
    """Scan readout neurons: as :func:`scan_lif` without firing; ``out`` (T, B, n) int32 receives v."""
    steps, batch, size = a.shape
    for b in range(batch):
        for t in range(steps):
            for i in range(size):
                u[b, i], v[b, i] = _integrate(a[t, b, i], u[b, i], v[b, i], keep_u[i], keep_v[i], bias[i])
                out[t, b, i] = v[b, i]
