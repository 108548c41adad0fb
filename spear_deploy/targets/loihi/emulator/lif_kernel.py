"""The fused integer neuron update: Loihi's LIF, bit for bit as Lava's ``PyLifModelBitAcc`` computes it.

Per step, with ``tz(x, d) = sgn(x) * ((|x| * d) >> 12)``::

    u = tz(u, 4096 - (du + 1)) + (a << 6)              one wrap at 24 bits
    v = clip(tz(v, 4096 - dv) + u + bias, +-(2^23 - 1))
    s = v > (vth << 6);   v = 0 where s                or v - (vth << 6): a reset by subtraction

A late reset acts in the step after the spike: where v > (vth << 6) to begin with, the new v is 0, or vth << 6 is
taken off before the clip.

The product needs 35 bits; it is split so that all stays in 32 (exact).  numba computes integers in 64 bits unless
it is told otherwise at each operation, and only 32 bits let the loop over neurons use the whole vector unit.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
from numba import njit

_INT = np.int32
_WRAP, _TURN, _LIMIT = _INT(1 << 23), _INT(1 << 24), _INT((1 << 23) - 1)
_HALF, _LOW, _ZERO = _INT(12), _INT(4095), _INT(0)


@njit(inline="always")
def _decayed(x, factor):  # type: ignore[no-untyped-def]
    magnitude = _INT(abs(x))
    low = _INT(_INT(_INT(magnitude & _LOW) * factor) >> _HALF)
    kept = _INT(_INT(_INT(magnitude >> _HALF) * factor) + low)
    return _INT(-kept) if x < _ZERO else kept


@njit(inline="always")
def _wrapped(x):  # type: ignore[no-untyped-def]
    low = _INT(x - _TURN) if x > _WRAP else x
    return _INT(low + _TURN) if low <= -_WRAP else low


@njit(inline="always")
def _clipped(x):  # type: ignore[no-untyped-def]
    low = x if x < _LIMIT else _LIMIT
    return low if low > -_LIMIT else _INT(-_LIMIT)


@cache
def scan_of(*, filtered: bool, fires: bool, subtract: bool = False, late: bool = False) -> Callable[..., None]:
    """Return the compiled scan over time of one kind of neuron.

    ``filtered``: the current outlasts its step (du < 4095 somewhere); ``fires``: it is no readout; ``subtract`` and
    ``late`` describe the reset.  The scan is called as::

        scan(total, origin, stride, shift, keep_u, keep_v, vth, bias, u, v, step, sample, out)

    ``total`` (S, b, cells) int16 or int32 holds the sums a >> (shift - 6), a row of neurons from ``origin`` on and
    every ``stride`` cells; ``keep_u`` = 4096 - (du + 1), ``keep_v`` = 4096 - dv, ``vth`` (already shifted by 6)
    and ``bias`` (rows, width) int32; ``u``, ``v`` (B, rows, width) int32 hold the states and are overwritten;
    ``out`` (T, B, rows, width) receives from ``step`` and ``sample`` on the spikes (uint8), or a readout's v (int32).
    """

    @njit(cache=True, nogil=True)
    def scan(  # type: ignore[no-untyped-def]
        total, origin, stride, shift, keep_u, keep_v, vth, bias, u, v, step, sample, out
    ):
        steps, batch, _ = total.shape
        rows, width = keep_v.shape
        for b in range(batch):
            for t in range(steps):
                for r in range(rows):
                    a = total[t, b, origin + r * stride : origin + r * stride + width]
                    us, vs, sent = u[sample + b, r], v[sample + b, r], out[step + t, sample + b, r]
                    ku, kv, threshold, offset = keep_u[r], keep_v[r], vth[r], bias[r]
                    for i in range(width):
                        current = _INT(_INT(a[i]) << shift)
                        if filtered:
                            current = _INT(current + _decayed(us[i], ku[i]))
                        current = _wrapped(current)
                        us[i] = current
                        before, limit = vs[i], threshold[i]
                        membrane = _INT(_INT(_decayed(before, kv[i]) + current) + offset[i])
                        if late and subtract:
                            membrane = _INT(membrane - limit) if before > limit else membrane
                        membrane = _clipped(membrane)
                        if late and not subtract:
                            membrane = _ZERO if before > limit else membrane
                        if not fires:
                            sent[i] = membrane
                            vs[i] = membrane
                            continue
                        fired = membrane > limit
                        sent[i] = np.uint8(fired)
                        if late:
                            vs[i] = membrane
                        elif subtract:
                            vs[i] = _INT(membrane - limit) if fired else membrane
                        else:
                            vs[i] = _ZERO if fired else membrane

    compiled: Callable[..., None] = scan
    return compiled
