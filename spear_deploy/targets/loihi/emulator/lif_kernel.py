"""The fused integer neuron update: Loihi's LIF (:mod:`spear_deploy.targets.loihi.registers`), bit for bit as Lava's.

A late reset acts in the step after the spike: where v lies above the threshold to begin with, the new v is 0, or the
threshold is taken off before the clip.

The product of a decay needs more than 32 bits; it is split so that all stays in 32 (exact).  numba computes integers in
64 bits unless it is told otherwise at each operation, and only 32 bits let the loop over neurons use the whole vector
unit.

A scan is called as::

    scan(total, origin, stride, joined, shift, keep_u, keep_v, vth, bias, u, v, step, sample, out, trace, clips)

``total`` (S, b, cells) int16 or int32 holds the sums, less the exponent that all share, a row of neurons from
``origin`` on and every ``stride`` cells; ``shift`` takes them to the current; ``keep_u`` and ``keep_v`` are what
decays leave, ``vth`` (already shifted) and ``bias`` (rows, width) int32; ``u``, ``v`` (B, neurons) int32 hold
the states and are overwritten; ``out`` (T, B, neurons) receives from ``step`` and ``sample`` on the spikes
(uint8), or a readout's v (int32), and ``trace``, of the same shape, int32, or empty, v after each step.
``clips`` (B, 2) int64: to each sample's are added the bins whose v was clipped, and those whose current wrapped.

A loop over a row of few neurons takes longer to be entered than to run.  Where nothing lies between the neurons of one
sample and the next, one row has those of ``joined`` samples: its registers are repeated as often, and its counts go to
the first of the samples.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import cast

import numpy as np
from numba import njit

from spear_deploy.targets.loihi.registers import Arithmetic

_INT = np.int32
_ZERO = _INT(0)


@njit(inline="always")
def _decay(x, factor, widths):  # type: ignore[no-untyped-def]
    bits, low_mask = widths[0], widths[1]
    magnitude = _INT(abs(x))
    low = _INT(_INT(_INT(magnitude & low_mask) * factor) >> bits)
    kept = _INT(_INT(_INT(magnitude >> bits) * factor) + low)
    return _INT(-kept) if x < _ZERO else kept


@njit(inline="always")
def _wrap(x, bound, turn):  # type: ignore[no-untyped-def]
    low = _INT(x - turn) if x > bound else x
    return _INT(low + turn) if low <= -bound else low


@njit(inline="always")
def _clip(x, limit):  # type: ignore[no-untyped-def]
    low = x if x < limit else limit
    return low if low > -limit else _INT(-limit)


@njit(inline="always")
def _integrate(before, current, kept, offset, limit, threshold, widths, subtract, reset_delay):  # type: ignore[no-untyped-def]
    """Return v before it is clipped; a late subtraction, of the spike of the step before, is done."""
    membrane = _INT(_INT(_decay(before, kept, widths) + current) + offset)
    if reset_delay and subtract:
        membrane = _INT(membrane - threshold) if before > limit else membrane
    return membrane


@njit(inline="always")
def _settle(membrane, before, limit, widths, subtract, reset_delay):  # type: ignore[no-untyped-def]
    """Return v as it is clipped, before a reset in this step; one that comes late is done."""
    clipped = _clip(membrane, widths[2])
    if reset_delay and not subtract:
        clipped = _ZERO if before > limit else clipped
    return clipped


@njit(inline="always")
def _reset(membrane, limit, threshold, subtract, reset_delay):  # type: ignore[no-untyped-def]
    """Return v after the reset in this step, if there is one."""
    if reset_delay:
        return membrane
    if subtract:
        return _INT(membrane - threshold) if membrane > limit else membrane
    return _ZERO if membrane > limit else membrane


@njit(inline="always")
def _advance(a, shift, us, ku, vs, kv, threshold, offset, sent, widths, kind):  # type: ignore[no-untyped-def]
    """Advance a row of neurons by a step; return how many membranes were clipped and currents wrapped, if counted."""
    filtered, fires, subtract, reset_delay, at_threshold, counted = kind
    clipped = wrapped = 0
    for i in range(len(a)):
        current = _INT(_INT(a[i]) << shift)
        if filtered:
            current = _INT(current + _decay(us[i], ku[i], widths))
        us[i] = _wrap(current, widths[3], widths[4])
        before = vs[i]
        limit = _INT(threshold[i] - 1) if at_threshold else threshold[i]  # v >= x is v > x - 1
        free = _integrate(before, us[i], kv[i], offset[i], limit, threshold[i], widths, subtract, reset_delay)
        membrane = _settle(free, before, limit, widths, subtract, reset_delay)
        if counted:
            wrapped += us[i] != current
            clipped += abs(free) > widths[2]
        if fires:
            sent[i] = np.uint8(membrane > limit)
            vs[i] = _reset(membrane, limit, threshold[i], subtract, reset_delay)
        else:
            sent[i] = vs[i] = membrane
    return clipped, wrapped


def _widths(arithmetic: Arithmetic) -> tuple[np.int32, ...]:
    """Return bits of a decay and the mask of as many, the limit of v, and the bound at which u wraps and twice that."""
    wrap = arithmetic.wrap
    return tuple(map(_INT, (arithmetic.decay_bits, arithmetic.decay_unit - 1, arithmetic.limit, wrap, 2 * wrap)))


@cache
def scan_of(
    arithmetic: Arithmetic,
    *,
    filtered: bool,
    fires: bool,
    subtract: bool = False,
    reset_delay: bool = False,
    at_threshold: bool = False,
    counted: bool = False,
) -> Callable[..., None]:
    """Return the compiled scan over time of one kind of neuron; the module says how it is called.

    ``filtered``: the current outlasts its step somewhere; ``fires``: it is no readout; ``subtract`` and ``reset_delay``
    describe the reset; ``at_threshold``: it fires at the threshold too; ``counted``: what is clipped and wraps is.
    """
    widths = _widths(arithmetic)
    kind = (filtered, fires, subtract, reset_delay, at_threshold, counted)

    @njit(cache=True, nogil=True)
    def scan(  # type: ignore[no-untyped-def]
        total, origin, stride, joined, shift, keep_u, keep_v, vth, bias, u, v, step, sample, out, trace, clips
    ):
        (steps, batch, cells), (_, samples, neurons) = total.shape, out.shape
        rows, width = len(keep_v), keep_v.shape[1] // joined
        sums, us, vs = total.reshape(-1), u.reshape(-1), v.reshape(-1)
        sents, traces = out.reshape(-1), trace.reshape(-1)
        for b in range(0, batch, joined):
            length = min(joined, batch - b) * width
            for r in range(rows):  # what a row keeps lies next to the processor for all of its steps
                at, first = (sample + b) * neurons + r * width, b * cells + origin + r * stride
                row_u, row_v = us[at : at + length], vs[at : at + length]
                ku, kv, threshold, offset = keep_u[r, :length], keep_v[r, :length], vth[r, :length], bias[r, :length]
                for t in range(steps):
                    now = (step + t) * samples * neurons + at
                    a, sent = sums[t * batch * cells + first :][:length], sents[now:][:length]
                    found = _advance(a, shift, row_u, ku, row_v, kv, threshold, offset, sent, widths, kind)
                    if len(traces):
                        traces[now:][:length] = row_v
                    if counted:
                        clips[sample + b, 0] += found[0]
                        clips[sample + b, 1] += found[1]

    return cast("Callable[..., None]", scan)
