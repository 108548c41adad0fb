"""How events are binned into time steps: by time or by count; no event is dropped.

The same as tonic's ``ToFrame`` without overlap and with ``include_incomplete``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True)
class ByTime:
    """Steps of ``us`` microseconds, from a sample's first event."""

    us: int

    def __call__(self, t: Array) -> Array:
        """Return the step of each event of a sample whose times are ``t``, in order."""
        return (t - t[:1]).astype(np.int64) // self.us

    def __str__(self) -> str:
        return f"bins of {self.us / 1000:g} ms"


@dataclass(frozen=True)
class ByCount:
    """Steps of ``events`` events each; the last one has what is left."""

    events: int

    def __call__(self, t: Array) -> Array:
        """Return the step of each event of a sample whose times are ``t``, in order."""
        return np.arange(len(t)) // self.events

    def __str__(self) -> str:
        return f"bins of {self.events} event{'s' * (self.events > 1)}"


Binning: TypeAlias = ByTime | ByCount
"""A way to bin the events of a sample."""
