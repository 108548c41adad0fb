"""Depths and extra delays: spikes arrive on the chip when they do in the network."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from spear_deploy.network import Input, Linear, Network, Population, Projection
from spear_deploy.targets.loihi.timing import extra_delays, pipeline_depths, too_fast_loops
from tests.strategies import neuron

ONE = (Linear(np.ones((1, 1), np.float32)),)
CELL = neuron(np.random.default_rng(0), (1,))


def network_of(count: int, links: list[tuple[int, int, int]]) -> Network:
    """Single neurons n1, n2, ... behind an input n0, joined by (source, target, delay)."""
    populations = [Input("n0", (1,)), *(Population(f"n{i}", (1,), CELL) for i in range(1, count + 1))]
    projections = [Projection(f"{i}", f"n{a}", f"n{b}", ONE, delay) for i, (a, b, delay) in enumerate(links)]
    return Network(tuple(populations), tuple(projections), ("n1",))


@st.composite
def wirings(draw: st.DrawFn) -> Network:
    """Forward links of any delay, and backward ones that are slow enough for every loop."""
    count = draw(st.integers(1, 6))
    links = [(a, b, draw(st.integers(0, 3))) for b in range(1, count + 1) for a in range(b) if draw(st.booleans())]
    back = [
        (b, a, draw(st.integers(b - a + 1, 9)))
        for b in range(1, count + 1)
        for a in range(1, b + 1)
        if draw(st.booleans())
    ]
    return network_of(count, links + back)


@settings(max_examples=200, deadline=None)
@given(wirings())
def test_spikes_arrive_when_they_should(network):
    """Step t of depth k is the chip's step k + t; a projection takes one step and its extra ones; none is negative."""
    depths = pipeline_depths(network)
    extra = extra_delays(network, depths)
    for projection in network.projections:
        assert extra[projection.name] >= 0
        assert depths[projection.source] + 1 + extra[projection.name] == depths[projection.target] + projection.delay
    assert too_fast_loops(network) == []
    for population in network.populations:
        assert depths[population.name] == 0 if isinstance(population, Input) else depths[population.name] >= 1


@settings(max_examples=100, deadline=None)
@given(wirings())
def test_depths_are_the_least_possible(network):
    """A population deeper than 1 waits for one that is as late as it can be: no delay is longer than needed."""
    depths = pipeline_depths(network)
    extra = extra_delays(network, depths)
    for population in network.neurons:
        tight = any(extra[p.name] == 0 for p in network.into(population.name))
        assert depths[population.name] == 1 or tight


def test_loop_faster_than_the_chip_is_told():
    """Two projections and one step of delay cannot be done: no depths are found, the loop and its delays are told."""
    too_fast = network_of(2, [(0, 1, 0), (1, 2, 0), (2, 1, 1)])
    assert pipeline_depths(too_fast) is None
    ((loop, inside),) = too_fast_loops(too_fast)
    assert loop == ("n1", "n2")
    assert [(p.name, p.delay) for p in inside] == [("1", 0), ("2", 1)]
    assert pipeline_depths(network_of(2, [(0, 1, 0), (1, 2, 0), (2, 1, 2)])) == {"n0": 0, "n1": 1, "n2": 2}
    assert pipeline_depths(network_of(1, [(0, 1, 0), (1, 1, 1)])) == {"n0": 0, "n1": 1}
