"""An episode: a walk over the groups that chooses how much of each to keep.

The observation of a group describes what it is, what it costs, and what has been decided so far, in the manner of AMC
(He et al. 2018); the action in [-1, 1] maps to a keep ratio in [lowest, 1].  Budgets that a placement tells clip it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spear_deploy.search.space import KeepCounts, PrunableGroup, Space, keep_count

OBSERVATIONS = 8
"""Numbers that describe a group."""


class Walk:
    """Decides one group after the other."""

    def __init__(self, space: Space) -> None:
        self.space = space
        self._decided: dict[str, int] = {}

    @property
    def is_done(self) -> bool:
        """Whether all groups are decided."""
        return len(self._decided) == len(self.space.groups)

    @property
    def counts(self) -> KeepCounts:
        """What the groups decided so far keep."""
        return dict(self._decided)

    def decide(self, action: float) -> None:
        """Decide the next group."""
        group = self.space.groups[len(self._decided)]
        ratio = self.space.lowest + (1 - self.space.lowest) * (float(np.clip(action, -1, 1)) + 1) / 2
        self._decided[group.name] = self._clip(group, keep_count(group.units, ratio))

    def _clip(self, group: PrunableGroup, count: int) -> int:
        """Lower ``count`` until the network fits with all undecided groups at their smallest (bisection)."""

        def fits(candidate: int) -> bool:
            return self.space.fits({**self.space.smallest, **self._decided, group.name: candidate})

        low = keep_count(group.units, self.space.lowest)
        if count <= low or fits(count):
            return count
        high = count
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if fits(middle) else (low, middle)
        return low

    def observation(self) -> NDArray[np.float32]:
        """Describe the next group, or the last one where all are decided: (OBSERVATIONS,)."""
        groups = self.space.groups
        index = min(len(self._decided), len(groups) - 1)
        group = groups[index]
        kept = [self._decided[item.name] / item.units for item in groups[: len(self._decided)]]
        shares = [item.synops_share for item in groups]
        saved = sum((1 - ratio) * share for ratio, share in zip(kept, shares, strict=False))
        return np.array(
            [
                index / max(1, len(groups) - 1),
                float(group.is_map),
                group.units / max(item.units for item in groups),
                group.fan_in / max(item.fan_in for item in groups),
                group.synops_share,
                saved,
                sum(shares[len(kept) :]),
                kept[-1] if kept else 1.0,
            ],
            dtype=np.float32,
        )
