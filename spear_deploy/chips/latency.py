"""The duration of a time step, from cited times of operations: always a range, always an estimate.

As in the floorline model (Yik et al. 2025, arXiv:2511.21549): cores work in parallel and wait for one another at the
end of a step, so that the busiest core sets its length.  It is bound by *memory* where reading synapses
takes longest, by *compute* where updating neurons does, and by *traffic* where messages do.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spear_deploy.chips.profile import ChipProfile, TimeTable

Bound: TypeAlias = Literal["memory", "compute", "traffic"]
BOUNDS: tuple[Bound, ...] = ("memory", "compute", "traffic")
_NANO = 1e-9


@dataclass(frozen=True, eq=False)
class CoreWork:
    """The mean work of each core in a step: (cores,) synaptic operations, neurons, their spikes, messages."""

    synops: NDArray[np.float64]
    neurons: NDArray[np.float64]
    spikes: NDArray[np.float64]
    messages: NDArray[np.float64]

    def parts(self, table: TimeTable, end: Literal["low", "high"]) -> NDArray[np.float64]:
        """Return the nanoseconds of each part by ``BOUNDS`` (rows) and core (columns) with one end of the figures."""
        synaptic_op, update, spike, message = (
            getattr(getattr(table, name), end).value for name in ("synaptic_op", "neuron_update", "spike", "message")
        )
        compute = update * self.neurons + spike * self.spikes
        return np.stack([synaptic_op * self.synops, compute, message * self.messages])


@dataclass(frozen=True)
class LatencyRange:
    """Seconds of a step, what bounds it, and the references of the figures.

    ``low`` is the longest part of any core by the lower figures, as if parts ran side by side, which is floorline's
    bound; ``high`` all parts of a core one after the other by the higher ones; both with the barrier between steps.
    ``bound`` has two where the lower figures say otherwise than the higher ones.  ``estimate`` is always True: input,
    output, embedded processors and the host are left out.
    """

    low: float
    high: float
    bound: tuple[Bound, ...]
    source: str
    estimate: Literal[True] = True


def step_time(chip: ChipProfile, work: CoreWork) -> LatencyRange | None:
    """Estimate the time of a step; None if the chip has no cited table."""
    table = chip.time
    if table is None:
        return None
    low, high = work.parts(table, "low"), work.parts(table, "high")
    bound = dict.fromkeys(BOUNDS[int(part.max(axis=1).argmax())] for part in (low, high))
    return LatencyRange(
        low=_NANO * (float(low.max()) + table.barrier.low.value),
        high=_NANO * (float(high.sum(axis=0).max()) + table.barrier.high.value),
        bound=tuple(bound),
        source=chip.references(getattr(table, field.name) for field in fields(table)),
    )
