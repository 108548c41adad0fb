"""One population with the synapses that lead into it, ready to be run."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import prod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spear_deploy.network.synapses import ConvSynapses, DenseSynapses, Synapses
from spear_deploy.targets.loihi.emulator.byte_product import ByteProduct
from spear_deploy.targets.loihi.emulator.cells import Cells, Layout, aligned_memory
from spear_deploy.targets.loihi.emulator.channel_product import ChannelProduct
from spear_deploy.targets.loihi.emulator.event_table import event_table, margin, matrix_of
from spear_deploy.targets.loihi.emulator.lif_kernel import scan_of
from spear_deploy.targets.loihi.emulator.products import Product, wraps
from spear_deploy.targets.loihi.emulator.sums import Costs, Incoming, Part, Sums, choose_sums
from spear_deploy.targets.loihi.program import LoihiPopulation, LoihiProgram, LoihiProjection

Array = NDArray[Any]

_INT16 = (1 << 15) - 1
_PROBE_STEPS = 4
"""Steps, or twice as many, on which a population's activity is measured."""
_MAX_MATRIX_RATIO = 8
"""A convolution is summed as a matrix if that has up to so many times its weights."""
_JOINED_NEURONS = 1024
"""Neurons of several samples that are updated at once: what they keep lies next to the processor."""
_DEFAULT_ACTIVITY = 0.1
"""Activity of a population that has not been run yet."""


@dataclass(frozen=True, eq=False)
class States:
    """The states of a batch, by population: ``sent`` (T, B, neurons), and u and v (B, rows, width).

    Inputs are among ``sent``; one that is held over time has a single step.  ``traces`` (T, B, neurons) int32 are the
    membranes of those populations of which they are wanted, ``clips`` (B, 2) counts of clipped membranes and wrapped
    currents.
    """

    steps: int
    sent: Mapping[str, Array]
    u: Mapping[str, NDArray[np.int32]]
    v: Mapping[str, NDArray[np.int32]]
    traces: Mapping[str, NDArray[np.int32]]
    clips: Mapping[str, NDArray[np.int64]]


_NO_TRACE = np.empty((0, 0, 0), np.int32)
_NO_CLIPS = np.empty((0, 2), np.int64)


class _Rows(NamedTuple):
    """Rows of neurons that are updated at once, of so many samples, and their registers (rows, neurons)."""

    joined: int
    registers: tuple[NDArray[np.int32], ...]


class EmulatedPopulation:
    """One population of a program; ``layouts`` tells how those that it receives from lie in memory."""

    def __init__(self, population: LoihiPopulation, program: LoihiProgram, layouts: Mapping[str, Layout]) -> None:
        projections = [projection.as_one for projection in program.into(population.name)]
        self.name, self.layout = population.name, layouts[population.name]
        self.arithmetic = program.arithmetic
        plans = [_plan(projection, program, layouts) for projection in projections]
        self.shift = min((p.exponent for p in projections), default=0)
        total = sum(plan.reach << plan.projection.exponent - self.shift for plan in plans)
        small = total <= _INT16 and all(plan.by_events is not None for plan in plans)
        self.kind = np.dtype(np.int16 if small else np.int32)
        self.cells = _cells(self.layout, plans, layouts)
        self.incoming = tuple(self._incoming_of(plan, program, layouts) for plan in plans)
        self._scan = partial(
            scan_of,
            self.arithmetic,
            filtered=bool(np.any(population.du != self.arithmetic.decay_unit - 1)),
            fires=population.kind == "lif",
            subtract=population.reset == "subtract",
            reset_delay=population.reset_delay,
            at_threshold=population.compare == "ge",
        )
        registers = tuple(
            self.layout.arrange(register)
            for register in (
                self.arithmetic.decay_unit - (population.du + 1),
                self.arithmetic.decay_unit - population.dv,
                population.vth << self.arithmetic.shift,
                population.bias_mant << population.bias_exp,
            )
        )
        self._by_row = _Rows(1, registers)
        joined = max(1, _JOINED_NEURONS // population.size)
        self._joined = _Rows(joined, tuple(np.tile(register.reshape(1, -1), joined) for register in registers))

    def _incoming_of(self, plan: _Plan, program: LoihiProgram, layouts: Mapping[str, Layout]) -> Incoming:
        synapses, exponent = plan.projection.synapses, plan.projection.exponent
        source, shift = layouts[synapses.source], exponent - self.shift
        bound = self.arithmetic.wrap
        product = Product(synapses, source, self.cells, reach=plan.reach, exponent=exponent, shift=shift, bound=bound)
        uses = 1 if isinstance(synapses, DenseSynapses) else self.layout.rows * self.layout.width // self.cells.pixel
        by_events, in_bytes, by_channel = None, None, None
        if plan.by_events is not None:
            by_events = event_table(plan.by_events, source, self.cells, shift, self.kind)
            in_bytes = ByteProduct.of(plan.by_events, source, self.layout, payload=plan.payload, shift=shift)
            by_channel = ChannelProduct.of(plan.by_events, source, self.cells, shift, self.kind)
        lag = program.lag(plan.projection)
        return Incoming(synapses.source, lag, by_events, product, synapses.weight.size * uses, in_bytes, by_channel)

    def sums(self, states: States, samples: range, loop: Collection[str], costs: Costs) -> Sums:
        """Return how to sum what arrives, by how active sources are; those of its ``loop`` have not been run yet."""
        activities = []
        for incoming in self.incoming:
            spikes = states.sent[incoming.source]
            some = spikes[:: max(1, len(spikes) // _PROBE_STEPS), samples.start : samples.stop]
            active = _DEFAULT_ACTIVITY if incoming.source in loop else np.count_nonzero(some) / some.size
            activities.append(active)
        chosen = choose_sums(self.incoming, self.cells, self.kind, activities, costs)
        parts = (
            self._hold(chosen, part, states, samples) if len(states.sent[part.source]) < states.steps else part
            for part in chosen.parts
            if part.source not in loop
        )
        return replace(chosen, parts=tuple(parts), inner=tuple(part for part in chosen.parts if part.source in loop))

    def _hold(self, sums: Sums, part: Part, states: States, samples: range) -> Part:
        """Sum once what arrives in every step."""
        once = sums.zeros(aligned_memory(sums.bytes * len(samples)), 1, len(samples))
        part.add(states.sent[part.source], 0, samples.start, once)

        def add(spikes: Array, step: int, sample: int, total: Array) -> None:
            first = sample - samples.start
            total += once[:, first : first + total.shape[1]]

        return replace(part, add=add, write=None)

    def updater(self, states: States, sums: Sums) -> Callable[[Array, int, int], None]:
        """Return ``update(total, step, sample)``, which runs the steps and samples of the sums ``total`` (S, b, cells).

        It writes what is sent from ``step`` and ``sample`` on and updates u and v.
        """
        rows = self._joined if sums.cells.is_plain else self._by_row
        where = (sums.cells.origin, sums.cells.stride, rows.joined, self.shift + self.arithmetic.shift)
        neurons = (*where, *rows.registers, states.u[self.name], states.v[self.name])
        trace, clips = states.traces.get(self.name), states.clips.get(self.name)
        scan = self._scan(counted=clips is not None)
        kept = (_NO_TRACE if trace is None else trace, _NO_CLIPS if clips is None else clips)
        out = states.sent[self.name]

        def update(total: Array, step: int, sample: int) -> None:
            scan(total, *neurons, step, sample, out, *kept)
            if clips is not None:
                some_steps, some_samples = range(step, step + len(total)), range(sample, sample + total.shape[1])
                self._count_wrapped_sums(states, some_steps, some_samples, clips)

        return update

    def _count_wrapped_sums(self, states: States, steps: range, samples: range, clips: NDArray[np.int64]) -> None:
        """Count the sums of convolutions that wrapped on their way to the current."""
        for incoming in self.incoming:
            if incoming.product.wraps:
                spikes = states.sent[incoming.source]
                arriving = range(max(0, steps.start - incoming.lag), max(0, steps.stop - incoming.lag))
                if len(spikes) < states.steps:  # one that is held over time is the same in each
                    wrapped = incoming.product.count_wrapped(spikes[:, samples.start : samples.stop]) * len(arriving)
                else:
                    some = spikes[arriving.start : arriving.stop, samples.start : samples.stop]
                    wrapped = incoming.product.count_wrapped(some)
                clips[samples.start : samples.stop, 1] += wrapped


class _Plan(NamedTuple):
    """A projection, its largest payload and sum, and the synapses to sum by events; None where that may wrap."""

    projection: LoihiProjection
    payload: int
    reach: int
    by_events: Synapses | None


def _plan(projection: LoihiProjection, program: LoihiProgram, layouts: Mapping[str, Layout]) -> _Plan:
    synapses = projection.synapses
    payload = {port.name: port.max_value for port in program.inputs}.get(synapses.source, 1)
    reach = _largest_sum(synapses.weight) * payload
    if wraps(synapses, reach, projection.exponent, program.arithmetic.wrap):
        return _Plan(projection, payload, reach, None)
    source, target = layouts[synapses.source].shape, layouts[synapses.target].shape
    # A kernel about as wide as the map has no use for a margin.
    if isinstance(synapses, ConvSynapses) and prod(source) * prod(target) <= _MAX_MATRIX_RATIO * synapses.weight.size:
        return _Plan(projection, payload, reach, matrix_of(synapses, source, target))
    return _Plan(projection, payload, reach, synapses)


def _largest_sum(weight: NDArray[Any]) -> int:
    """Return the largest sum of magnitudes in a row of weights."""
    largest = 0
    for row in weight:  # each in the cache
        largest = max(largest, int(np.abs(row, dtype=np.int64).sum()))
    return largest


def _cells(layout: Layout, plans: Sequence[_Plan], layouts: Mapping[str, Layout]) -> Cells:
    """Return cells with the margin that the convolutions need."""
    margins = [(0, 0, 0, 0)]
    for plan in plans:
        if isinstance(plan.by_events, ConvSynapses):
            _, height, width = layouts[plan.by_events.source].shape
            margins.append(margin(plan.by_events, height, width))
    top, bottom, left, right = (max(sides) for sides in zip(*margins, strict=True))
    return Cells(layout, (top, bottom, left, right))
