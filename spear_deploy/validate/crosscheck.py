"""Compare a backend's recording with the emulator's, spike by spike, and name the first divergence."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spear_deploy.recording import Recording
from spear_deploy.targets import Program
from spear_deploy.validate.rasters import Raster, earliest


@dataclass(frozen=True)
class Divergence:
    """The earliest time step at which the two differ; of several neurons the first in execution order."""

    sample: int
    step: int
    population: str
    neuron: tuple[int, ...]
    emulator: int
    backend: int

    def __str__(self) -> str:
        place = f"sample {self.sample}, step {self.step}, population {self.population!r}, neuron {self.neuron}"
        return f"{place}: emulator {self.emulator}, backend {self.backend}"


@dataclass(frozen=True)
class Validation:
    """The verdict: how many bins (sample x step x neuron) were compared and how many differ."""

    backend: str
    samples: int
    steps: int
    populations: tuple[str, ...]
    bins: int
    spikes: int
    mismatches: int
    first_divergence: Divergence | None


def cross_check(program: Program, emulated: Recording, recorded: Recording, backend: str) -> Validation:
    """Compare what every population sent: spikes, or a readout's membrane."""
    bins = spikes = mismatches = 0
    candidates: list[tuple[tuple[int, int, int], Divergence]] = []
    steps = samples = 0
    for rank, population in enumerate(program.populations):
        ours, theirs = (_by_sample(run.output(population.name)) for run in (emulated, recorded))
        samples, steps = ours.shape[:2]
        bins += ours.size
        if not population.is_readout:
            several = population.name in program.counted  # the values of others are payloads
            spikes += int(ours.sum(dtype=np.int64)) if several else int(np.count_nonzero(ours))
        differs = ours != theirs
        mismatches += int(np.count_nonzero(differs))
        where = earliest(differs)
        if where is not None:
            sample, step, *neuron = where
            found = Divergence(sample, step, population.name, tuple(neuron), int(ours[where]), int(theirs[where]))
            candidates.append(((step, rank, sample), found))
    names = tuple(p.name for p in program.populations)
    first = min(candidates, key=lambda entry: entry[0])[1] if candidates else None
    return Validation(backend, samples, steps, names, bins, spikes, mismatches, first)


def _by_sample(raster: Raster) -> Raster:
    return np.moveaxis(raster, 0, 1)
