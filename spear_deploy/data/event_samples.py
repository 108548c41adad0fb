"""Samples from address events, binned by the options into as many steps as the longest recording needs."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spear_deploy.data.binning import Binning, ByCount, ByTime
from spear_deploy.data.options import DataOptions
from spear_deploy.data.samples import EventSamples
from spear_deploy.errors import InputError
from spear_deploy.network.ops import Shape

Array = NDArray[Any]

_DEFAULT_MS = 5.0
_LONGEST_US = float(1 << 62)
_MOST_STEPS = 100_000
"""The most that ``--steps`` takes."""


def binned(events: tuple[Array, Array, Array], shape: Shape, options: DataOptions, where: str) -> EventSamples:
    """Return samples of ``events``: times in microseconds, addresses below ``prod(shape)``, and offsets (N + 1,).

    Steps are 5 ms long unless ``options`` give their length or their count of events; there are as many as the longest
    sample needs.  Raises :class:`InputError` (E005) if the steps in ``options`` do not cover it.
    """
    t, address, offsets = events
    bins = _binning(options, where)
    size = int(np.prod(shape))
    longest, peak = 0, 0
    for start, end in pairwise(offsets):
        if end > start:
            step = bins(t[start:end]).astype(np.int64)
            longest = max(longest, int(step[-1]) + 1)
            _, counts = np.unique(step * size + address[start:end].astype(np.int64), return_counts=True)
            peak = max(peak, int(counts.max()))
    steps, larger = options.steps or longest, "--bin-events" if isinstance(bins, ByCount) else "--bin-ms"
    if steps < longest:
        message = f"{steps} {bins} do not cover the longest recording, which needs {longest}"
        raise InputError.of("E005", where, message, f"give a larger {larger}, or leave out --steps")
    if steps > _MOST_STEPS:
        message = f"the longest recording needs {steps} {bins}, more than {_MOST_STEPS}"
        raise InputError.of("E005", where, message, f"give a larger {larger}")
    return EventSamples(t, address, offsets, shape, bins, max(steps, 1), float(peak or 1))


def _binning(options: DataOptions, where: str) -> Binning:
    if options.bin_events is None:
        us = round(min((options.bin_ms or _DEFAULT_MS) * 1000, _LONGEST_US))
        if us:
            return ByTime(us)
        raise InputError.of("E005", where, "times are in microseconds, bins are shorter", "give a larger --bin-ms")
    if options.bin_ms is None:
        return ByCount(options.bin_events)
    message = "--bin-ms and --bin-events are two ways to bin"
    raise InputError.of("E005", where, message, "give one of them")
