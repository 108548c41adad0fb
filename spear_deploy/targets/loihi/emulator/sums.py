"""The ways to sum what arrives at a population, and which of them is the fastest for what its sources do.

Each projection is summed by events, channel by channel, as a product of bytes, or as one of floats
(:mod:`.event_table`, :mod:`.channel_product`, :mod:`.byte_product`, :mod:`.products`).  Where bytes are the fastest,
the first product writes the sums and no margin is needed around a map.  All ways give the same integers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spear_deploy.targets.loihi.emulator.byte_product import ByteProduct
from spear_deploy.targets.loihi.emulator.cells import Cells
from spear_deploy.targets.loihi.emulator.channel_product import ChannelProduct
from spear_deploy.targets.loihi.emulator.event_table import EventTable
from spear_deploy.targets.loihi.emulator.lanes import LANE_BYTES
from spear_deploy.targets.loihi.emulator.products import Product

Array = NDArray[Any]

_EVENT_BLOCK_BYTES = 1 << 19
"""Sums that stay in the cache, until the neurons are updated."""
_BYTE_BLOCK_BYTES = 1 << 22
"""The same where all are products of bytes, which read the weights anew for each block."""

_PLAIN = np.dtype(np.int32)
"""What products of bytes are summed in."""

Adder: TypeAlias = Callable[[Array, int, int, Array], None]
"""``add(spikes, step, sample, sums)``: to sums (S, b, cells) what spikes (T, B, m) from step and sample on cause."""


@dataclass(frozen=True)
class Costs:
    """Nanoseconds of sums on one core (docs/emulator.md): they decide how to sum, and never affect the result.

    By events: each ``event``, and each ``lane`` that it adds.  As a product: each ``multiplication``, and each
    ``cell`` of source and target that is converted from and to integers.  In bytes: each multiplication
    (``byte``), each cell of the target (``byte_cell``), and each byte of windows that are written out of pixels
    (``pixel_window``) or of planes (``plane_window``).  Channel by channel: each multiplication (``channel``).
    """

    event: float
    lane: float
    multiplication: float
    cell: float
    byte: float
    byte_cell: float
    pixel_window: float
    plane_window: float
    channel: float


MEASURED = Costs(
    event=2.5,
    lane=0.5,
    multiplication=0.02,
    cell=0.4,
    byte=0.0016,
    byte_cell=0.3,
    pixel_window=0.05,
    plane_window=0.9,
    channel=0.1,
)


@dataclass(frozen=True, eq=False)
class Part:
    """How one projection is summed: ``add`` adds to sums; ``write``, where there is one, sets all of them."""

    source: str
    lag: int
    add: Adder
    write: Adder | None = None


@dataclass(frozen=True, eq=False)
class Sums:
    """How all projections into a population are summed: in ``cells`` of ``kind``, ``size`` for each sample and step.

    ``block`` bytes of sums are made before the neurons consume them.  What ``parts`` sum is known beforehand; ``inner``
    are those from a loop that the population is part of, which are summed step by step.
    """

    cells: Cells
    kind: np.dtype[Any]
    size: int
    parts: tuple[Part, ...]
    block: int
    inner: tuple[Part, ...] = ()

    @property
    def bytes(self) -> int:
        """Size of the sums of one sample in one step."""
        return self.size * self.kind.itemsize

    def zeros(self, memory: NDArray[np.uint8], steps: int, samples: int) -> Array:
        """Return sums (steps, samples, cells) of zero, which lie in ``memory``."""
        total = self._unset(memory, steps, samples)
        total.fill(0)
        return total

    def total(self, sent: Mapping[str, Array], steps: range, samples: range, memory: NDArray[np.uint8]) -> Array:
        """Return the sums (steps, samples, cells) of what populations ``sent`` (T, B, m), less those from a loop."""
        parts = list(self.parts)
        if parts and parts[0].write is not None and parts[0].lag <= steps.start:
            first = parts.pop(0)
            total = self._unset(memory, len(steps), len(samples))
            assert first.write is not None
            first.write(sent[first.source], steps.start - first.lag, samples.start, total)
        else:
            total = self.zeros(memory, len(steps), len(samples))
        _add(parts, sent, steps, samples, total)
        return total

    def add_inner(self, sent: Mapping[str, Array], step: int, samples: range, total: Array) -> None:
        """Add to the sums (1, samples, cells) of a step what arrives from within a loop."""
        _add(self.inner, sent, range(step, step + 1), samples, total)

    def _unset(self, memory: NDArray[np.uint8], steps: int, samples: int) -> Array:
        return memory[: steps * samples * self.bytes].view(self.kind).reshape(steps, samples, self.size)


def _add(parts: Sequence[Part], sent: Mapping[str, Array], steps: range, samples: range, total: Array) -> None:
    for part in parts:
        early = max(0, part.lag - steps.start)  # steps before the first spike can arrive
        if early < len(steps):
            part.add(sent[part.source], steps.start + early - part.lag, samples.start, total[early:])


@dataclass(frozen=True, eq=False)
class Incoming:
    """A projection, whose spikes arrive ``lag`` steps later, in each way that there is to sum it.

    Only ``product`` wraps as Lava does, then there are no others.  ``multiplications``: of the product, in a step.
    """

    source: str
    lag: int
    by_events: EventTable | None
    product: Product
    multiplications: int
    in_bytes: ByteProduct | None
    by_channel: ChannelProduct | None = None

    def cost_of_events(self, active: float, costs: Costs) -> float:
        """Return nanoseconds of a step in which a share ``active`` of the sources fires."""
        if self.by_events is None:
            return np.inf
        return active * self._sources * (costs.event + costs.lane * self.by_events.lanes_per_spike)

    def cost_of_product(self, costs: Costs) -> float:
        """Return nanoseconds of a step."""
        return self.multiplications * costs.multiplication + (self._sources + self.product.cells.size) * costs.cell

    def cost_in_bytes(self, cells: int, costs: Costs) -> float:
        """Return nanoseconds of a step at a population of so many ``cells``."""
        way = self.in_bytes
        if way is None:
            return np.inf
        window = costs.pixel_window if way.source.channels_last else costs.plane_window
        return way.multiplications * costs.byte + cells * costs.byte_cell + way.window_bytes * window

    @property
    def _sources(self) -> int:
        return prod(self.product.source.shape)

    def fastest(self, active: float, cells: int, costs: Costs) -> tuple[float, Part]:
        """Return the fastest way to sum a step on its own, and its nanoseconds."""
        ways: list[tuple[float, Adder]] = [(self.cost_of_product(costs), self.product.add)]
        if self.by_events is not None:
            ways.append((self.cost_of_events(active, costs), self.by_events.add))
        if self.in_bytes is not None:
            ways.append((self.cost_in_bytes(cells, costs) + cells * costs.cell, self._add_bytes))
        if self.by_channel is not None:
            ways.append((self.by_channel.multiplications * costs.channel, self.by_channel.add))
        cost, add = min(ways, key=lambda way: way[0])
        return cost, Part(self.source, self.lag, add)

    def cost_without_margin(self, cells: int, costs: Costs) -> float:
        """Return nanoseconds of a step in bytes, or channel by channel where there is no such product."""
        if self.in_bytes is None and self.by_channel is not None:
            return self.by_channel.multiplications * costs.channel
        return self.cost_in_bytes(cells, costs)

    def without_margin(self) -> Part:
        """Return the same, into sums of 32 bits without a margin."""
        if self.in_bytes is None:
            return Part(self.source, self.lag, self._plain_channels.add)
        return Part(self.source, self.lag, self.in_bytes.add, self.in_bytes.write)

    @cached_property
    def _plain_channels(self) -> ChannelProduct:
        assert self.by_channel is not None
        return replace(self.by_channel, cells=Cells(self.product.cells.layout), kind=_PLAIN)

    def _add_bytes(self, spikes: Array, step: int, sample: int, total: Array) -> None:
        assert self.in_bytes is not None
        inner = self.product.cells.inner(total)
        sums = np.empty((*inner.shape[:2], self.in_bytes.target.rows * self.in_bytes.target.width), np.int32)
        self.in_bytes.write(spikes, step, sample, sums)
        np.add(inner, sums.reshape(inner.shape), out=inner, casting="unsafe")


def choose_sums(
    incoming: Sequence[Incoming], cells: Cells, kind: np.dtype[Any], activities: Sequence[float], costs: Costs
) -> Sums:
    """Return the fastest way to sum all projections: each in its own into ``cells`` of ``kind``, or all in bytes."""
    layout = cells.layout
    neurons = layout.rows * layout.width
    pairs = list(zip(incoming, activities, strict=True))
    ways = [each.fastest(active, neurons, costs) for each, active in pairs]
    plain = sum(each.cost_without_margin(neurons, costs) for each in incoming)
    if any(each.in_bytes for each in incoming) and plain < sum(cost for cost, _ in ways):
        # The first part sets the sums: one that arrives without a lag does so from the first step on.
        parts = sorted((each.without_margin() for each in incoming), key=lambda part: (part.write is None, part.lag))
        return Sums(Cells(layout), _PLAIN, neurons, tuple(parts), _BYTE_BLOCK_BYTES)
    size = sums_size(incoming, cells)
    return Sums(cells, kind, size, tuple(part for _, part in ways), _EVENT_BLOCK_BYTES)


def sums_size(incoming: Sequence[Incoming], cells: Cells) -> int:
    """Return how many cells a sample takes: where there is a margin, all that events may write to, in whole lanes.

    Without one, the lanes that reach beyond the sample's last neuron add zeros to what lies there.
    """
    if cells.is_plain:
        return cells.size
    ends = [each.by_events.end for each in incoming if each.by_events is not None]
    return -(-max(cells.size, *ends, 0) // LANE_BYTES) * LANE_BYTES
