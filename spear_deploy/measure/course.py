"""The course of a network over its time steps, in float and on the chip: rates, decisions, one sample's spikes.

Measured on as many samples of a split as a bound on memory allows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spear_deploy.data import Split
from spear_deploy.decision import DecisionRule
from spear_deploy.execution import Execution
from spear_deploy.measure.runs import FloatRun, ProgramRun
from spear_deploy.network import Network
from spear_deploy.recording import Recording
from spear_deploy.targets import Lowered

_MOST_SAMPLES = 256
_MOST_VALUES = 1 << 24
_MOST_POINTS = 48
"""Largest number of points at which rates and accuracy are given: more would not be visible."""
_MOST_STEPS, _MOST_NEURONS, _NEURONS_IN_ALL = 128, 24, 192
"""Bounds of the raster; a population shows at least 4 neurons."""


@dataclass(frozen=True, eq=False)
class PopulationCourse:
    """One population that spikes, on both sides: in float, on the chip.

    Attributes:
        name: of the population.
        size: its neurons.
        rates: two rows: spikes of a neuron in a step, the mean over neurons, samples and the steps up to each point.
        neurons: flat indices of those that the raster shows.
        rasters: spikes of one sample, (2, neurons, steps): of the first steps.
    """

    name: str
    size: int
    rates: NDArray[np.float64]
    neurons: NDArray[np.int64]
    rasters: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Course:
    """A network over its time steps.

    Attributes:
        samples: that it was measured on.
        sample: the one of the rasters: its index in the split.
        points: steps, counted from 1, up to which rates and accuracies are given.
        accuracy: two rows: share of right decisions by the first steps alone, at each point.
        populations: all that spike, inputs included, in order of execution.
    """

    samples: int
    sample: int
    points: tuple[int, ...]
    accuracy: NDArray[np.float64]
    populations: tuple[PopulationCourse, ...]


def measure_course(
    network: Network, lowered: Lowered, split: Split, rule: DecisionRule, execution: Execution | None = None
) -> Course:
    """Run a float network of one input, and its program, on some samples of a split."""
    steps = split.samples.steps
    a_sample = steps * sum(population.size for population in network.populations)
    runs = FloatRun(network, execution), ProgramRun(lowered.program, execution)
    most = min(_MOST_SAMPLES, runs[1].together(steps), _MOST_VALUES // a_sample)
    some = split.some(max(1, most))
    x, labels = some.samples.batch(some.indices), some.labels[some.indices]
    both = runs[0](x), runs[1](x)
    points = tuple(dict.fromkeys(np.linspace(1, steps, min(steps, _MOST_POINTS)).round().astype(int).tolist()))
    accuracy = np.array([_accuracy(each.output(network.outputs[0]), labels, rule, points) for each in both])
    names = [name for name in in_order(network, lowered) if all(name in each.spikes for each in both)]
    sample = _usual(both[1], names)
    shown = max(4, min(_MOST_NEURONS, _NEURONS_IN_ALL // len(names)))
    populations = tuple(_population(name, both, points, sample, shown) for name in names)
    return Course(len(labels), int(some.indices[sample]), points, accuracy, populations)


def in_order(network: Network, lowered: Lowered) -> list[str]:
    """Return the names of a network's populations, inputs first, then in order of execution."""
    inputs = [port.name for port in network.inputs]
    known = {population.name for population in network.neurons}
    return [*inputs, *(each.name for each in lowered.program.populations if each.name in known)]


def _accuracy(sent: NDArray[Any], labels: NDArray[np.int64], rule: DecisionRule, points: Sequence[int]) -> list[float]:
    """Return the accuracy after the first steps of the output, (T, B, *shape)."""
    scores = (rule.score(sent[:count]).reshape(len(labels), -1) for count in points)
    return [float(np.mean(each.argmax(axis=1) == labels)) for each in scores]


def _usual(recording: Recording, names: Sequence[str]) -> int:
    """Return the sample with the median number of spikes."""
    spikes = [
        np.count_nonzero(recording.spikes[name], axis=0).reshape(recording.spikes[name].shape[1], -1) for name in names
    ]
    total = np.sum([each.sum(axis=1) for each in spikes], axis=0)
    return int(np.argsort(total, kind="stable")[(len(total) - 1) // 2])


def _population(
    name: str, both: Sequence[Recording], points: Sequence[int], sample: int, shown: int
) -> PopulationCourse:
    counts = [_counts(each.spikes, name) for each in both]
    size = counts[0].shape[2]
    edges = [0, *points]
    rates = [[float(each[a:b].mean()) for a, b in zip(edges, points, strict=False)] for each in counts]
    neurons = np.unique(np.linspace(0, size - 1, min(size, shown)).round().astype(np.int64))
    rasters = np.stack([each[:_MOST_STEPS, sample][:, neurons].T for each in counts])
    return PopulationCourse(name, size, np.array(rates), neurons, rasters.astype(np.int64))


def _counts(spikes: Mapping[str, NDArray[Any]], name: str) -> NDArray[Any]:
    """Return the spikes of each neuron, (T, B, n); values that are not whole numbers count as one spike."""
    flat = spikes[name].reshape(*spikes[name].shape[:2], -1)
    is_count: bool = flat.dtype.kind in "bui" or np.array_equal(flat, np.floor(flat))
    counts: NDArray[Any] = np.abs(flat)
    return counts if is_count and counts.max(initial=0) <= 9 else (flat != 0).astype(np.int64)
