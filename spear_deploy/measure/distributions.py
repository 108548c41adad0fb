"""Weights and membranes in float and on the chip, beside the range that the chip's integers represent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spear_deploy.data import Split
from spear_deploy.execution import Execution
from spear_deploy.network import Network
from spear_deploy.recording import Recording
from spear_deploy.simulate.record import simulate
from spear_deploy.targets import Grid, Lowered

_MOST_SAMPLES = 32
_MOST_VALUES = 1 << 23
"""Bound on membrane values recorded at once, over all populations and steps; at least one sample is run."""
_MOST_SORTED = 1 << 20
"""Values of a population from which percentiles are computed; minimum and maximum are of all."""
_QUANTILES = (0.01, 0.25, 0.5, 0.75, 0.99)


@dataclass(frozen=True)
class Spread:
    """Magnitudes of the non-zero values: least, percentiles 1, 25, 50, 75, 99, largest; and the share of zeros."""

    least: float
    p1: float
    p25: float
    p50: float
    p75: float
    p99: float
    largest: float
    zeros: float

    @classmethod
    def of(cls, parts: Sequence[NDArray[Any]]) -> Spread | None:
        """Return the spread of the values of all ``parts``, of any shape; None where all are 0."""
        magnitudes = np.concatenate([np.abs(np.asarray(part, np.float64)).ravel() for part in parts])
        nonzero = magnitudes[magnitudes > 0]
        if not nonzero.size:
            return None
        some = nonzero[:: -(-nonzero.size // _MOST_SORTED)]
        p1, p25, p50, p75, p99 = (float(value) for value in np.quantile(some, _QUANTILES))
        zeros = 1 - nonzero.size / magnitudes.size
        return cls(float(nonzero.min()), p1, p25, p50, p75, p99, float(nonzero.max()), zeros)


@dataclass(frozen=True)
class FloatAndChip:
    """Values in float and on the chip, both in the network's units; None where all are 0.

    The chip represents magnitudes from ``step`` to ``limit``.
    """

    in_float: Spread | None
    on_chip: Spread | None
    step: float
    limit: float


@dataclass(frozen=True)
class Distributions:
    """One population: the weights into it, and its membranes at the end of each step, less its reset value.

    None where the target does not say what its integers stand for.
    """

    name: str
    weights: FloatAndChip | None
    membranes: FloatAndChip | None


def measure_distributions(
    network: Network, lowered: Lowered, split: Split, execution: Execution | None = None
) -> tuple[Distributions, ...]:
    """Return the distributions of every population with neurons, membranes on some samples of a split."""
    a_sample = split.samples.steps * sum(population.size for population in network.neurons)
    some = split.some(max(1, min(_MOST_SAMPLES, _MOST_VALUES // a_sample)))
    x = some.samples.batch(some.indices)
    runs = simulate(network, x, execution), lowered.emulate(x, execution)
    return tuple(
        Distributions(p.name, _weights(p.name, network, lowered), _membranes(p.name, lowered, *runs))
        for p in network.neurons
    )


def _weights(name: str, network: Network, lowered: Lowered) -> FloatAndChip | None:
    rounded = {synapses.name: synapses.weight for synapses in lowered.program.synapses}
    incoming = [synapses for synapses in network.synapses if synapses.target == name]
    grids = [lowered.grids.weights[synapses.name] for synapses in incoming if synapses.name in lowered.grids.weights]
    if not incoming or len(grids) < len(incoming):
        return None
    on_chip = [grid.to_float(rounded[synapses.name]) for synapses, grid in zip(incoming, grids, strict=True)]
    return _float_and_chip([synapses.weight for synapses in incoming], on_chip, grids)


def _membranes(name: str, lowered: Lowered, in_float: Recording, on_chip: Recording) -> FloatAndChip | None:
    grid = lowered.grids.membranes.get(name)
    if grid is None:
        return None
    wanted = in_float.membrane[name] - grid.offset
    return _float_and_chip([wanted], [grid.to_float(on_chip.membrane[name]) - grid.offset], [grid])


def _float_and_chip(
    in_float: Sequence[NDArray[Any]], on_chip: Sequence[NDArray[Any]], grids: Sequence[Grid]
) -> FloatAndChip:
    steps, limits = zip(*(grid.span for grid in grids), strict=True)
    return FloatAndChip(Spread.of(in_float), Spread.of(on_chip), min(steps), max(limits))
