"""What the backends that run on Lava share: its environment, and how what they record becomes arrays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from spear_deploy.backends.environment import Environment, Extra
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


def recording_of(program: LoihiProgram, record: Record, inputs: Mapping[str, npt.NDArray[Any]]) -> Recording:
    """Return what a backend recorded as arrays (steps, samples, *shape)."""
    spikes: dict[str, npt.NDArray[Any]] = dict(inputs)
    membrane: dict[str, npt.NDArray[Any]] = {}
    for population in program.populations:
        by_sample: npt.NDArray[Any]
        if population.is_readout:
            by_sample = record.potentials[population.name]
        else:
            by_sample = np.unpackbits(record.spikes[population.name], axis=-1, count=population.size)
        shaped = np.moveaxis(by_sample.reshape(*by_sample.shape[:2], *population.shape), 0, 1)
        (membrane if population.is_readout else spikes)[population.name] = shaped
    return Recording(spikes, membrane, seconds=record.seconds_total)
