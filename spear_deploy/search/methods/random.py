"""Random widths of the target's SynOps: what a search must find beyond luck.

Positions between the lowest ratio and all units (evenly in the ratio's logarithm) are drawn for all groups, then moved
together until the SynOps that LRE predicts meet the target.  Without the move, hardly one of a hundred draws of many
groups comes near it, and a comparison with other methods would only tell that.
"""

from __future__ import annotations

import numpy as np

from spear_deploy.search.protocol import Task
from spear_deploy.search.space import KeepCounts
from spear_deploy.search.toolkit.sampling import SamplingMethod


class Random(SamplingMethod):
    """Random widths that meet the target, as many as other methods may have judged."""

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        self._rng = np.random.default_rng(task.execution.seed)

    def draw(self) -> KeepCounts:
        """Return the widest of a random direction that is within the target."""
        drawn = self._rng.uniform(size=len(self.task.space.groups)).tolist()
        return self.widths.widest_that_fits(dict(zip(self.task.space.units, drawn, strict=True)))
