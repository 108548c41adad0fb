"""Golden traces: recordings of the source's own simulator, compared bin by bin with the imported network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from spear_deploy.network import Network
from spear_deploy.simulate.simulator import FloatSimulator
from spear_deploy.simulate.tensors import to_tensor
from spear_deploy.targets import Lowered
from spear_deploy.validate.rasters import Raster, earliest

Run: TypeAlias = Callable[[Mapping[str, Raster]], Mapping[str, NDArray[Any]]]
"""Returns the spikes of each population for values of each input, both (steps, samples, *shape)."""

_BATCH_VALUES = 1 << 25
"""Values that one batch may take over all populations and steps: 128 MiB in single precision."""


@dataclass(frozen=True, eq=False)
class Golden:
    """A recording: values of every input population and spikes of some others, each (N, T, *shape)."""

    inputs: Mapping[str, Raster]
    spikes: Mapping[str, Raster]

    @property
    def samples(self) -> int:
        """N."""
        return len(next(iter(self.inputs.values())))

    @property
    def steps(self) -> int:
        """T."""
        return int(next(iter(self.inputs.values())).shape[1])

    @property
    def bins(self) -> int:
        """Recorded bins (sample x step x neuron) over all populations."""
        return sum(raster.size for raster in self.spikes.values())

    def head(self, count: int) -> Golden:
        """Return the first ``count`` samples."""
        inputs, spikes = ({k: v[:count] for k, v in part.items()} for part in (self.inputs, self.spikes))
        return Golden(inputs, spikes)


@dataclass(frozen=True)
class Difference:
    """A bin that differs: spikes ``recorded`` and ``computed``."""

    step: int
    sample: int
    population: str
    neuron: tuple[int, ...]
    recorded: float
    computed: float

    def __str__(self) -> str:
        place = f"step {self.step}, sample {self.sample}, population {self.population!r}, neuron {self.neuron}"
        return f"{place}: recorded {self.recorded:g}, computed {self.computed:g}"


@dataclass(frozen=True)
class Agreement:
    """How many bins of each recorded population differ, in execution order; ``first`` differs earliest in time."""

    bins: Mapping[str, int]
    mismatches: Mapping[str, int]
    first: Difference | None

    @property
    def total(self) -> int:
        """Bins that differ over all populations."""
        return sum(self.mismatches.values())


def in_float(network: Network) -> Run:
    """Return what runs the float network."""
    simulator = FloatSimulator(network)

    def run(inputs: Mapping[str, Raster]) -> Mapping[str, NDArray[Any]]:
        with torch.no_grad():
            outputs = simulator({name: to_tensor(x) for name, x in inputs.items()})
        return {name: values.numpy() for name, values in outputs.items()}

    return run


def on_chip(lowered: Lowered) -> Run:
    """Return what runs the integers of a network on the emulator."""
    return lambda inputs: lowered.emulate(inputs).spikes


def compare(network: Network, golden: Golden, run: Run | None = None) -> Agreement:
    """Run the network (in float, unless ``run`` is another) on the recorded input, and compare the recorded spikes.

    Of several bins that differ in the earliest step, the first population in execution order counts, then the
    first sample.
    """
    recorded = [population.name for population in network.neurons if population.name in golden.spikes]
    size = sum(population.size for population in network.populations)
    batch = max(1, _BATCH_VALUES // (size * golden.steps))
    run = run or in_float(network)
    mismatches = dict.fromkeys(recorded, 0)
    found: list[tuple[tuple[int, int, int], Difference]] = []
    for start in range(0, golden.samples, batch):
        chosen = slice(start, start + batch)
        outputs = run({name: np.moveaxis(x[chosen], 1, 0) for name, x in golden.inputs.items()})
        for rank, name in enumerate(recorded):
            theirs, ours = golden.spikes[name][chosen], np.moveaxis(outputs[name], 0, 1)
            differs = ours != theirs
            mismatches[name] += int(np.count_nonzero(differs))
            where = earliest(differs)
            if where is not None:
                sample, step, *neuron = where
                bins = (float(theirs[where]), float(ours[where]))
                difference = Difference(step, start + sample, name, tuple(neuron), *bins)
                found.append(((step, rank, start + sample), difference))
    first = min(found, key=lambda entry: entry[0])[1] if found else None
    return Agreement({name: golden.spikes[name].size for name in recorded}, mismatches, first)
