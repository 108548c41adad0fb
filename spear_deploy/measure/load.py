"""What a measured program's neurons did, for what its placement is judged by."""

from __future__ import annotations

import numpy as np

from spear_deploy.measure.activity import Activity
from spear_deploy.placement import Placement
from spear_deploy.placement.load import Load, arrived
from spear_deploy.targets import Program


def measured_load(program: Program, placement: Placement, activity: Activity, steps: int) -> Load:
    """Return the load of a program on samples of ``steps`` time steps.

    Which neuron of a population the SynOps arrive at is found where it lies on several cores; elsewhere only their sum
    is the activity's, so that it is counted by the family's own rule, and it is put on the first neuron.
    """
    at = {each.name: np.zeros(each.size, np.int64) for each in program.populations}
    for synapses in program.synapses:
        target = synapses.target
        if placement.of(target).cores > 1:
            at[target] += arrived(synapses, program.shapes, activity.sent[synapses.source])
        else:
            at[target][0] += int(activity.synops[synapses.name].sum())
    return Load(program.shapes, program.synapses, at, activity.sent, steps * len(activity.labels))
