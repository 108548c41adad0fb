"""What cores have to do, against a count of every spike at every synapse and every core."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from spear_deploy.network.fan_out import fan_out
from spear_deploy.network.synapses import ConvSynapses, DenseSynapses, Synapses
from spear_deploy.placement import Placement, PopulationPlacement
from spear_deploy.placement.cuts import Cut
from spear_deploy.placement.load import Load, arrived
from tests.placement.test_cuts import cuts
from tests.strategies import generators

Shape = tuple[int, ...]


def placed(name: str, first: int, of_axes: tuple[Cut, ...]) -> PopulationPlacement:
    cores = prod(len(cut.sizes) for cut in of_axes)
    tile = tuple(cut.largest for cut in of_axes)
    return PopulationPlacement(name, tile, cores, first, 0, 0, 0, 0, 0, {}, "", of_axes)


def matrix(synapses: Synapses, shapes: Mapping[str, Shape]) -> np.ndarray:
    """The synapses as a matrix (target, source), a 1 for each that exists."""
    if isinstance(synapses, DenseSynapses):
        return (synapses.weight != 0).astype(np.int64)
    source, target = shapes[synapses.source], shapes[synapses.target]
    outputs, inputs, *_ = synapses.weight.shape
    of_group = outputs // synapses.groups
    found = np.zeros((*target, *source), np.int64)
    for (o, y, x), (c, i, j) in (
        (a, b) for a in np.ndindex(target) for b in np.ndindex(outputs and synapses.weight.shape[1:])
    ):
        row = y * synapses.stride[0] - synapses.padding[0] + i * synapses.dilation[0]
        column = x * synapses.stride[1] - synapses.padding[1] + j * synapses.dilation[1]
        if 0 <= row < source[1] and 0 <= column < source[2] and synapses.weight[o, c, i, j]:
            found[o, y, x, o // of_group * inputs + c, row, column] = 1
    return found.reshape(prod(target), prod(source))


@st.composite
def projections(draw, rng: np.random.Generator, *, sparse: bool) -> tuple[Synapses, dict[str, Shape]]:
    """A matrix from a vector or a map, or a convolution of any geometry, with zero weights where it is ``sparse``."""

    def weights(*shape: int) -> np.ndarray:
        return rng.integers(0 if sparse else 1, 3, shape)

    if draw(st.booleans()):
        source = draw(st.sampled_from([(5,), (2, 3, 2)]))
        target = draw(st.sampled_from([(6,), (2, 2, 2)]))
        return DenseSynapses("w", "a", "b", weights(prod(target), prod(source))), {"a": source, "b": target}
    kernel, stride, padding, dilation = (draw(st.integers(*ends)) for ends in ((1, 3), (1, 2), (0, 2), (1, 2)))
    groups, span = draw(st.integers(1, 2)), (kernel - 1) * dilation + 1
    source = (2 * groups, draw(st.integers(span, 7)), draw(st.integers(span, 7)))
    extents = ((n + 2 * padding - span) // stride + 1 for n in source[1:])
    target = (draw(st.integers(1, 3)) * groups, *extents)
    pairs = ((each, each) for each in (stride, padding, dilation))
    return ConvSynapses("w", "a", "b", weights(target[0], 2, kernel, kernel), *pairs, groups), {
        "a": source,
        "b": target,
    }


@settings(max_examples=100, deadline=None)
@given(st.data(), generators())
def test_synops_arrive_where_the_synapses_lead(data, rng):
    """At each neuron as many as spikes meet synapses there; in all as many as the fan-out counts."""
    synapses, shapes = data.draw(projections(rng, sparse=True))
    fired = rng.integers(0, 9, prod(shapes["a"]))
    found = arrived(synapses, shapes, fired)
    np.testing.assert_array_equal(found, matrix(synapses, shapes) @ fired)
    assert found.sum() == fan_out(synapses, shapes).nonzero @ fired


@settings(max_examples=100, deadline=None)
@given(st.data(), generators(), st.booleans())
def test_a_spike_is_a_message_to_every_other_core_that_it_reaches(data, rng, overlap):
    """Messages are received where there are synapses, and none is sent within a core; inputs send none themselves."""
    synapses, shapes = data.draw(projections(rng, sparse=False))
    fired = {"a": rng.integers(0, 9, prod(shapes["a"]))}
    of = {name: tuple(data.draw(cuts(extent)) for extent in shape) for name, shape in shapes.items()}
    a = placed("a", 1, of["a"])
    b = placed("b", 0 if overlap else 1 + a.cores, of["b"])
    load = Load(
        shapes,
        [synapses],
        {"a": np.zeros(prod(shapes["a"]), np.int64), "b": arrived(synapses, shapes, fired["a"])},
        fired,
        3,
    )
    loads = load.of(Placement((a, b), ()))
    core_a, core_b = a.core_of_neurons(shapes["a"]), b.core_of_neurons(shapes["b"])
    received, sent = np.zeros((2, len(loads.received)), np.int64)
    exists = matrix(synapses, shapes)
    for neuron, core in enumerate(core_a):
        for reached in np.unique(core_b[exists[:, neuron] > 0]):
            if reached != core:
                received[reached] += fired["a"][neuron]
                sent[core] += fired["a"][neuron]
    np.testing.assert_array_equal(loads.received, received)
    np.testing.assert_array_equal(loads.sent, sent)
    assert loads.neurons.sum() == prod(shapes["a"]) + prod(shapes["b"])
    assert load.cost(Placement((a, b), ())).messages == received.sum()
    alone = Load(shapes, [synapses], load.arrived, fired, 3).of(Placement((b,), ()))
    assert alone.sent.sum() == 0
    assert alone.received.sum() >= received.sum()
    assert alone.synops.sum() == fan_out(synapses, shapes).nonzero @ fired["a"]
