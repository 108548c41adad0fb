"""The point in time by which a run has to end; code that works in rounds checks whether it has passed."""

from __future__ import annotations

import time
from dataclasses import dataclass
from math import inf


@dataclass(frozen=True)
class Deadline:
    """``at`` is a time of :func:`time.monotonic`; by default it never comes."""

    at: float = inf

    @classmethod
    def after(cls, seconds: float | None) -> Deadline:
        """Return the deadline this many seconds from now; None means never."""
        return cls() if seconds is None else cls(time.monotonic() + seconds)

    @property
    def passed(self) -> bool:
        """Whether no more work should be started."""
        return time.monotonic() >= self.at
