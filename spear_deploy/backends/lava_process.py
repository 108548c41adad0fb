"""What the backends that run on Lava share: its environment, and how the spikes become arrays that it records."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from spear_deploy.backends.environment import Environment, Extra
from spear_deploy.backends.environment_backend import recording_of
from spear_deploy.backends.supervised import Record
from spear_deploy.recording import Recording
from spear_deploy.targets.loihi.program import LoihiProgram

ENVIRONMENT = Environment(
    name="lava",
    module="spear_deploy_lava",
    pythons=("3.10", "3.11", "3.12"),
    unresolved=("lava-nc",),
    extras={"netx": Extra(distributions=("lava-dl",), check=("--net",))},
)
"""Where Lava lives, and lava-dl beside it for the backend that loads .net files."""


def unpacked(program: LoihiProgram, record: Record, inputs: Mapping[str, npt.NDArray[Any]]) -> Recording:
    """Return what was recorded as arrays (steps, samples, *shape): unpacked spikes, and membranes of readouts."""
    values: dict[str, npt.NDArray[Any]] = dict(record.potentials)
    for population in program.populations:
        if not population.is_readout:
            values[population.name] = np.unpackbits(record.spikes[population.name], axis=-1, count=population.size)
    return recording_of(program, values, inputs, record.seconds_total)
