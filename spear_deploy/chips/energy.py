"""Energy from cited per-operation figures: always a range, always an estimate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from spear_deploy.chips.profile import ChipProfile

Part: TypeAlias = Literal["synaptic operations", "neuron updates", "spikes"]

_PICO = 1e-12
_PARTS: tuple[Part, ...] = ("synaptic operations", "neuron updates", "spikes")


@dataclass(frozen=True)
class EnergyPart:
    """Energy in joules of one kind of operation."""

    name: Part
    low: float
    high: float


@dataclass(frozen=True)
class EnergyRange:
    """Energy in joules between two published calibrations, in all and by part, and the references of both.

    ``estimate`` is always True: per-operation figures leave out static power, the embedded processors, the host
    and the mesh beyond the first hop.
    """

    low: float
    high: float
    parts: tuple[EnergyPart, ...]
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
    parts = tuple(
        EnergyPart(name, _PICO * cost.low.value * count, _PICO * cost.high.value * count)
        for name, (cost, count) in zip(_PARTS, terms, strict=True)
    )
    return EnergyRange(
        low=sum(part.low for part in parts),
        high=sum(part.high for part in parts),
        parts=parts,
        source=chip.references(cost for cost, _ in terms),
    )
