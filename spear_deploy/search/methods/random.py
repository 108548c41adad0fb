"""Random widths at the target's SynOps: the baseline that a search must beat.

Positions between the lowest ratio and all units (uniform in log ratio) are drawn for all groups, then shifted together
until the SynOps that LRE predicts meet the target.  Without the shift, hardly one in a hundred draws of many groups
comes near the target, and a comparison with other methods would show nothing else.
"""

from __future__ import annotations

import numpy as np

from spear_deploy.search.protocol import Task
from spear_deploy.search.space import KeepCounts
from spear_deploy.search.toolkit.sampling import SamplingMethod


class Random(SamplingMethod):
    """Random widths that meet the target, as many as other methods may propose."""

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        self._rng = np.random.default_rng(task.execution.seed)

    def draw(self) -> KeepCounts:
        """Return the widest widths in a random direction that are within the target."""
        drawn = self._rng.uniform(size=len(self.task.space.groups)).tolist()
        return self.widths.widest_that_fits(dict(zip(self.task.space.units, drawn, strict=True)))
