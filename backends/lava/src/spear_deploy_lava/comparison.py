"""What the two checks share: Lava's neuron in numpy, and the comparison of a run with what it computes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import numpy.typing as npt

from spear_deploy_lava.job import Job
from spear_deploy_lava.supervisor import Outcome

DU, DV, VTH = 2047, 410, 300
"""Registers of all neurons of a check."""

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Comparison:
    """``message`` is empty if all spikes are the expected ones; ``versions`` are those that the output file names."""

    message: str
    versions: Mapping[str, str]

    def version(self, name: str) -> str:
        """Return the version of a package, or nothing where no output file was written."""
        return self.versions.get(f"{name}_version", "")


def integrate(u: Integers, v: Integers, arriving: Integers) -> tuple[Integers, Integers]:
    """Return u and v after a step, before any reset, from the equations of Lava's fixed-point LIF."""
    u = _decayed(u, DU + 1) + (arriving << 6)
    return u, _decayed(v, DV) + u


def _decayed(value: Integers, decay: int) -> Integers:
    result: Integers = np.sign(value) * (np.abs(value) * (4096 - decay) >> 12)
    return result


def compare(run: Callable[[Job], Outcome], job: Job, expected: Mapping[str, npt.NDArray[np.bool_]]) -> Comparison:
    """Run ``job``; compare its spikes with the expected ones, (samples, steps, neurons) by name, bit by bit."""
    outcome = run(job)
    if outcome.failure is not None:
        return Comparison(f"{outcome.failure.message}\n{outcome.failure.traceback}".strip(), {})
    if outcome.code != 0:
        return Comparison("interrupted", {})
    with h5py.File(Path(job.output), "r") as file:
        versions = {name: str(value) for name, value in file.attrs.items() if name.endswith("_version")}
        for name, spikes in expected.items():
            if not np.array_equal(file[f"spikes/{name}"][()], np.packbits(spikes, axis=-1)):
                return Comparison(f"the spikes of {name} differ from the reference", versions)
    return Comparison("", versions)
