"""Energy from cited per-operation figures: always a range, always an estimate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from spear_deploy.chips.profile import ChipProfile

_PICO = 1e-12


@dataclass(frozen=True)
class EnergyRange:
    """Energy in joules between two published calibrations, and the references of both.

    ``estimate`` is always True: per-operation figures leave out static power, the embedded processors, the host
    and the mesh beyond the first hop.
    """

    low: float
    high: float
    source: str
    estimate: Literal[True] = True


def estimate(chip: ChipProfile, synops: float, neuron_updates: float, spikes: float) -> EnergyRange | None:
    """Estimate the dynamic energy of the given numbers of operations; None if the chip has no cited table.

    Measured once: on Pohoiki Springs' nearest-neighbour search the low end lies 9 to 20 % above the measured
    1.33 mJ of a query (Frady et al. 2020, quoted in github.com/dyigitpolat/mimarsinan
    docs/research/physics/silicon_correlation_research.md @06fd725).
    """
    table = chip.energy
    if table is None:
        return None
    terms = ((table.synaptic_op, synops), (table.neuron_update, neuron_updates), (table.spike, spikes))
    keys = dict.fromkeys(figure.source for cost, _ in terms for figure in (cost.low, cost.high))
    return EnergyRange(
        low=_PICO * sum(cost.low.value * count for cost, count in terms),
        high=_PICO * sum(cost.high.value * count for cost, count in terms),
        source="; ".join(chip.sources[key] for key in keys),
    )
