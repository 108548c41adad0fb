"""An episode: a walk over the groups that decides how many units each keeps.

A group's *position* is 0 at the lowest keep ratio and 1 at all units, linear in log ratio.  Its *need* is the common
position of it and all later groups at which the SynOps that LRE predicts meet the target, given earlier decisions.  An
action a in [-1, 1] is measured from there::

    position = need + a (1 - need)   for a >= 0
               need + a need         for a <  0

so that a = 0 treats a group like the rest of the network, and later groups compensate for earlier ones.  As in AMC (He
et al. 2018), the observation describes the group, its cost and the decisions so far; added is its need.  Counts are
clipped so that the placement fits.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spear_deploy.search.space import KeepCounts, PrunableGroup, keep_count
from spear_deploy.search.toolkit.widths import Widths

OBSERVATIONS = 10
"""Size of an observation."""


class Walk:
    """Decides the groups in order."""

    def __init__(self, widths: Widths) -> None:
        self.widths, self.space = widths, widths.space
        self._decided: dict[str, int] = {}
        self._need = self._needed()

    @property
    def is_done(self) -> bool:
        """Whether all groups are decided."""
        return len(self._decided) == len(self.space.groups)

    @property
    def counts(self) -> KeepCounts:
        """Counts of the groups decided so far."""
        return dict(self._decided)

    def decide(self, action: float) -> None:
        """Decide the next group."""
        group, part = self.space.groups[len(self._decided)], float(np.clip(action, -1, 1))
        position = self._need + part * (1 - self._need if part > 0 else self._need)
        wanted = self.widths.at({group.name: position})[group.name]
        self._decided[group.name] = self._clip(group, wanted)
        self._need = self._needed()

    def action_for(self, counts: KeepCounts) -> float:
        """Return the action that gives the next group its count in ``counts``."""
        name = self.space.groups[len(self._decided)].name
        position = self.widths.positions({name: counts[name]})[name]
        room = 1 - self._need if position > self._need else self._need
        return (position - self._need) / room if room > 0 else 0.0

    def _needed(self) -> float:
        left = [group.name for group in self.space.groups[len(self._decided) :]]
        shift, _ = self.widths.widest(dict.fromkeys(left, 0.0), self._decided) if left else (0.0, {})
        return max(0.0, shift)

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
        """Return the observation of the next group, or the last one once all are decided: (OBSERVATIONS,)."""
        groups, importance = self.space.groups, self.widths.importance_share
        index = min(len(self._decided), len(groups) - 1)
        group = groups[index]
        kept = [self._decided[item.name] / item.units for item in groups[: len(self._decided)]]
        shares = [item.synops_share for item in groups]
        saved = sum((1 - ratio) * share for ratio, share in zip(kept, shares, strict=False))
        described = [
            index / max(1, len(groups) - 1),
            float(group.is_map),
            group.units / max(item.units for item in groups),
            group.fan_in / max(item.fan_in for item in groups),
            group.synops_share,
            saved,
            sum(shares[len(kept) :]),
            kept[-1] if kept else 1.0,
            self._need,
            importance[group.name],
        ]
        return np.array(described, dtype=np.float32)
