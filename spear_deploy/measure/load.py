"""The load of cores by a measured program, and the placement chosen by it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from spear_deploy.measure.activity import Activity
from spear_deploy.placement import Placement
from spear_deploy.placement.load import Load, arrived
from spear_deploy.placement.placers import PLACERS, keeps_rule
from spear_deploy.targets import Compiler, Lowered, Program, Recutter


def placed_by(name: str, compiler: Compiler, lowered: Lowered, load: Callable[[], Load]) -> Lowered:
    """Return the lowered network placed by the named placer, which may ask for the ``load``."""
    placer = PLACERS.get(name)
    if keeps_rule(name) or not isinstance(compiler, Recutter):
        return lowered
    return replace(lowered, placement=placer(lowered.placement, load(), lambda cuts: compiler.recut(lowered, cuts)))


def expected_load(program: Program, sent: Mapping[str, NDArray[np.int64]], steps: int) -> Load:
    """Return the load of a program that was not run, from the spikes ``sent`` of each neuron, by population or port.

    A neuron without an entry sends none.  ``steps`` is the total of all samples.
    """
    fired = {name: counts for name, counts in sent.items() if name in program.shapes}
    at = {each.name: np.zeros(each.size, np.int64) for each in program.populations}
    for synapses in program.synapses:
        if synapses.source in fired:
            at[synapses.target] += arrived(synapses, program.shapes, fired[synapses.source])
    return Load(program.shapes, program.synapses, at, fired, steps)


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
