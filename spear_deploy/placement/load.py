"""The load of cores: synaptic operations that arrive at each, and messages between them, from the activity of neurons.

All figures are integers, sums over the samples that were measured, so that placements are compared exactly.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from spear_deploy.network.convolutions import correlate
from spear_deploy.network.ops import Conv2d, Shape
from spear_deploy.network.synapses import ConvSynapses, DenseSynapses, Synapses
from spear_deploy.placement import Placement, PopulationPlacement
from spear_deploy.placement.cuts import Cut, part_of_neurons, whole

Counts = NDArray[np.int64]
Bools = NDArray[np.bool_]


class Cost(NamedTuple):
    """The cost of a placement, compared in this order: cores, SynOps on the busiest one, messages between them."""

    cores: int
    busiest: int
    messages: int


@dataclass(frozen=True, eq=False)
class CoreLoads:
    """The load of each core, (cores,): ``neurons`` that it holds, ``synops`` that arrived, ``spikes`` of its neurons.

    ``received`` and ``sent`` are messages: a spike takes one for each projection and core that it reaches, none within
    its own core.  What inputs send is received and not sent.
    """

    neurons: Counts
    synops: Counts
    spikes: Counts
    received: Counts
    sent: Counts


@dataclass(frozen=True, eq=False)
class Load:
    """The activity of neurons in ``steps`` time steps, over all samples together.

    ``arrived`` are SynOps at each neuron of a population, and ``fired`` spikes of each neuron of a population or input,
    both (neurons,).  ``synapses`` say where spikes go.
    """

    shapes: Mapping[str, Shape]
    synapses: Sequence[Synapses]
    arrived: Mapping[str, Counts]
    fired: Mapping[str, Counts]
    steps: int

    def cost(self, placement: Placement) -> Cost:
        """Return the cost of a placement."""
        loads = self.of(placement)
        return Cost(placement.cores, int(loads.synops.max(initial=0)), int(loads.received.sum()))

    def of(self, placement: Placement) -> CoreLoads:
        """Return the load of each core of a placement."""
        size = 1 + max((each.first_core + each.cores - 1 for each in placement.populations), default=-1)
        cores = {each.name: each.core_of_neurons(self.shapes[each.name]) for each in placement.populations}
        neurons, synops, spikes, received, sent = np.zeros((5, size), np.int64)
        for name, core in cores.items():
            neurons += np.bincount(core, minlength=size)
            np.add.at(synops, core, self.arrived[name])
            np.add.at(spikes, core, self.fired.get(name, 0))
        for reach in self.reaches:
            place = placement.of(reach.synapses.target)
            self._deliver(reach, place, cores.get(reach.synapses.source), received, sent)
        return CoreLoads(neurons, synops, spikes, received, sent)

    @cached_property
    def reaches(self) -> tuple[Reach, ...]:
        """The reach of each projection from a population that spikes."""
        return tuple(
            Reach(each, self.shapes[each.source], self.shapes[each.target])
            for each in self.synapses
            if each.source in self.fired
        )

    def _deliver(
        self, reach: Reach, place: PopulationPlacement, cores: Counts | None, received: Counts, sent: Counts
    ) -> None:
        """Add the messages of a projection; ``cores`` are those of its source's neurons, None of an input."""
        fired, cuts = self.fired[reach.synapses.source], place.cuts or whole(self.shapes[place.name])
        messages = reach.messages(fired, cuts)
        here = place.first_core + np.arange(len(messages))
        received[here] += messages
        if cores is None:
            return
        np.add.at(sent, cores, fired * reach.parts_reached(cuts))
        for core in np.intersect1d(here, cores):
            own = reach.messages(np.where(cores == core, fired, 0), cuts)[core - place.first_core]
            received[core] -= own
            sent[core] -= own


@dataclass(frozen=True, eq=False)
class Reach:
    """The parts of a target that the neurons of a source reach by existing synapses.

    Of a convolution the axes count apart: a channel reaches the parts that it has any weight into, a row or column
    those that the kernel covers.
    """

    synapses: Synapses
    source: Shape
    target: Shape

    def messages(self, fired: Counts, cuts: Sequence[Cut]) -> Counts:
        """Return the messages to each part of the target: (parts,)."""
        if isinstance(self.synapses, DenseSynapses):
            reached: Counts = self._of_matrix(cuts) @ fired
            return reached
        channels, rows, columns = self._of_axes(cuts)
        of_rows = np.einsum("chw,jh,kw->cjk", fired.reshape(self.source), rows, columns, optimize=True)
        messages: Counts = np.tensordot(channels, of_rows, axes=1).ravel()
        return messages

    def parts_reached(self, cuts: Sequence[Cut]) -> Counts:
        """Return how many parts each neuron of the source reaches: (neurons,)."""
        if isinstance(self.synapses, DenseSynapses):
            parts: Counts = self._of_matrix(cuts).sum(axis=0)
            return parts
        channels, rows, columns = (axis.sum(axis=0) for axis in self._of_axes(cuts))
        of_map: Counts = (channels[:, None, None] * rows[:, None] * columns).ravel()
        return of_map

    def _of_matrix(self, cuts: Sequence[Cut]) -> Counts:
        """Whether a part (row) is reached by a neuron (column), as 0 and 1."""
        cut = _joint(cuts)
        order = slice(None) if not cut.order else np.array(cut.order)
        starts = np.cumsum((0, *cut.sizes[:-1]))
        return np.logical_or.reduceat(self._exists[order], starts).astype(np.int64)

    @cached_property
    def _exists(self) -> Bools:
        """Return where synapses exist, (target, source): between neurons of a matrix, or channels of a convolution."""
        if isinstance(self.synapses, DenseSynapses):
            found: Bools = self.synapses.weight != 0
            return found
        weight, groups = self.synapses.weight, self.synapses.groups
        exists = np.zeros((weight.shape[0], self.source[0]), bool)
        outputs, inputs = weight.shape[0] // groups, weight.shape[1]
        for group in range(groups):
            rows = slice(group * outputs, (group + 1) * outputs)
            exists[rows, group * inputs : (group + 1) * inputs] = weight[rows].any(axis=(2, 3))
        return exists

    def _of_axes(self, cuts: Sequence[Cut]) -> tuple[Counts, Counts, Counts]:
        """Return for channels, rows and columns whether a part (row) is reached by a position (column), as 0 and 1."""
        conv = self.synapses
        assert isinstance(conv, ConvSynapses)
        channels = _by_part(self._exists, cuts[0])
        rows, columns = (
            _by_part(_covered(conv, axis, self.source[axis + 1], self.target[axis + 1]), cuts[axis + 1])
            for axis in (0, 1)
        )
        return channels, rows, columns


def _by_part(reached: Bools, cut: Cut) -> Counts:
    """Join the positions of each part: (parts, source)."""
    found = np.zeros((len(cut.sizes), reached.shape[1]), bool)
    np.logical_or.at(found, cut.part_of, reached)
    return found.astype(np.int64)


def _covered(conv: ConvSynapses, axis: int, source: int, target: int) -> Bools:
    """Return which source positions along an axis the kernel at each target position covers: (target, source)."""
    found = np.zeros((target, source), bool)
    for tap in range(conv.weight.shape[axis + 2]):
        positions = np.arange(target) * conv.stride[axis] - conv.padding[axis] + tap * conv.dilation[axis]
        inside = (positions >= 0) & (positions < source)
        found[np.flatnonzero(inside), positions[inside]] = True
    return found


def _joint(cuts: Sequence[Cut]) -> Cut:
    """Return the cut of all axes together, neurons in C order."""
    if len(cuts) == 1:
        return cuts[0]
    part = part_of_neurons(cuts)
    parts = prod(len(cut.sizes) for cut in cuts)
    return Cut.by_parts([np.flatnonzero(part == each).tolist() for each in range(parts)])


def arrived(synapses: Synapses, shapes: Mapping[str, Shape], fired: Counts) -> Counts:
    """Return the SynOps at each neuron of a projection's target: (neurons,).

    ``fired`` are the spikes of each neuron of its source; a weight of zero is not a synapse.
    """
    if isinstance(synapses, DenseSynapses):
        return np.array([fired[row != 0].sum() for row in synapses.weight], np.int64)
    exists = (synapses.weight != 0).astype(np.float64)  # exact for sums below 2**53
    geometry = (synapses.stride, synapses.padding, synapses.dilation, synapses.groups)
    spikes = fired.reshape(1, *shapes[synapses.source]).astype(np.float64)
    counts: Counts = correlate(spikes, Conv2d(exists, None, *geometry)).astype(np.int64).ravel()
    return counts
