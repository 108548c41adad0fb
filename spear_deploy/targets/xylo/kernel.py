"""Xylo's equations (:mod:`.registers`), sample by sample, event by event.

Every single addition to a current saturates, in the order of the sources, so that events are added one source after
the other; several spikes of one source are one addition, since they all push the same way.
"""

from __future__ import annotations

import numpy as np
from numba import njit

_INT = np.int32


@njit(inline="always")
def _saturate(x, limit):  # type: ignore[no-untyped-def]
    return min(max(x, _INT(-limit - 1)), limit)


@njit(inline="always")
def _decay(x, dash):  # type: ignore[no-untyped-def]
    """Return what is taken away in a step: never nothing of what is not 0."""
    taken = _INT(x >> dash)
    return _INT(1) if taken == 0 and x > 0 else taken


@njit(inline="always")
def _receive(current, weights, first, last, count, limit):  # type: ignore[no-untyped-def]
    for n in range(first, last):
        current[n] = _saturate(_INT(current[n] + _INT(count * weights[n])), limit)


@njit(inline="always")
def _membrane(v, current, dash, bias, limit):  # type: ignore[no-untyped-def]
    taken = _decay(v, dash)
    lost = _INT(-taken) if taken >= -limit else taken  # the least value has no negative: it stays itself
    change = _saturate(_INT(lost + current), limit)
    return _saturate(_INT(v + _saturate(_INT(change + bias), limit)), limit)


@njit(inline="always")
def _deliver(current, sent, rows, reach, count, limit):  # type: ignore[no-untyped-def]
    """Add what the first ``count`` sources sent, one source after the other."""
    for p in range(count):
        if sent[p]:
            _receive(current, rows[p], reach[p, 0], reach[p, 1], _INT(sent[p]), limit)


@njit(inline="always")
def _fire(membrane, threshold, most):  # type: ignore[no-untyped-def]
    return min(_INT(membrane // threshold), most) if membrane >= threshold else _INT(0)


@njit(cache=True, nogil=True)
def run_samples(  # type: ignore[no-untyped-def]
    x, weights, reach, registers, inputs, most_state, spikes, currents, membranes, clipped, keeps, counts, first, end
):
    """Run samples ``first`` .. ``end``; arrays as :class:`~spear_deploy.targets.xylo.core.Core` has them.

    ``keeps``: currents and membranes are recorded; ``counts``: steps at a limit are counted.
    """
    steps, size, limit = x.shape[0], weights.shape[1], _INT(most_state)
    hidden = len(weights) - inputs
    for b in range(first, end):
        current, v, sent = np.zeros(size, _INT), np.zeros(size, _INT), np.zeros(size, _INT)
        for t in range(steps):
            _deliver(current, x[t, b], weights, reach, inputs, limit)
            _deliver(current, sent, weights[inputs:], reach[inputs:], hidden, limit)
            for n in range(size):
                arrived = current[n]
                current[n] = _INT(arrived - _decay(arrived, registers.dash_syn[n]))
                membrane = _membrane(v[n], current[n], registers.dash_mem[n], registers.bias[n], limit)
                fired = _fire(membrane, registers.threshold[n], registers.most[n])
                v[n], sent[n] = _INT(membrane - fired * registers.threshold[n]), fired
                spikes[t, b, n] = fired
                if keeps:
                    currents[t, b, n], membranes[t, b, n] = current[n], v[n]
                if counts:
                    clipped[b, n, 0] += arrived >= limit or arrived < -limit
                    clipped[b, n, 1] += membrane >= limit or membrane < -limit
