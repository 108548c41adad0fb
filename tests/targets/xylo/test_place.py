"""The one core: what fits, what does not and by how much, and in which order neurons lie."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from spear_deploy.network import Input, Linear, Network, Population, Projection

from .networks import compiler, network, neuron, spikes


def chain(*sizes: int) -> Network:
    """Return six inputs, hidden layers of these sizes and three outputs, all joined."""
    names = ["input", *(f"h{k}" for k in range(len(sizes))), "out"]
    widths = [6, *sizes, 3]
    populations = [
        Input("input", (6,)),
        *(Population(n, (w,), neuron(w)) for n, w in zip(names[1:], widths[1:], strict=True)),
    ]
    rng = np.random.default_rng(0)
    projections = [
        Projection(f"to_{b}", a, b, (Linear(rng.normal(0, 0.1, (n, m)).astype(np.float32)),))
        for (a, b), (m, n) in zip(pairwise(names), pairwise(widths), strict=True)
    ]
    return Network(tuple(reversed(populations)), tuple(projections), ("out",))


@pytest.mark.parametrize(
    ("chip", "net", "amounts"),
    [
        ("xylo_audio2", chain(40), set()),
        ("xylo_audio2", chain(1001), {(1001, 1000)}),
        ("xylo_audio2", chain(65, 65), {(65, 64), (65, 63)}),
        ("xylo_audio2", network(hidden=60), {(66, 63)}),
        ("xylo_audio3", chain(128), set()),
        ("xylo_audio3", chain(129), {(129, 128)}),
        ("xylo_audio3", chain(128, 100), set()),
        ("xylo_imu", chain(300, 200), {(500, 496), (60000, 31744), (300, 128), (200, 128)}),
    ],
)
def test_what_does_not_fit(chip: str, net: Network, amounts: set[tuple[int, int]]) -> None:
    """Every limit that is passed is a finding with value and limit, and takes a second core."""
    placement = compiler(spikes(), chip=chip).place(net)
    assert {(f.value, f.limit) for f in placement.findings} == amounts
    assert {f.code for f in placement.findings} <= {"E035"}
    assert (placement.cores > 1) == bool(amounts)


def test_hidden_neurons_lie_before_outputs_those_that_inputs_feed_first() -> None:
    """Whatever the order in the file; lowering and placing agree."""
    net = chain(20, 12)
    lowered = compiler(spikes(), chip="xylo_audio3").lower(net)
    assert [p.name for p in lowered.program.populations] == ["h0", "h1", "out"]
    assert [p.depth for p in lowered.program.populations] == [0, 1, 2]
    assert lowered.placement.findings == ()
    placement = compiler(spikes(), chip="xylo_audio3").place(net)
    assert placement.of("h1").synapse_words_per_core == 240
    assert placement.memory_bits == 8 * (6 * 20 + 20 * 12 + 12 * 3)


def test_zeros_are_no_synapses() -> None:
    """Single weights of 0 take neither fan-out nor an entry."""
    net = network(hidden=60)
    back = net.into("hidden")[1]
    half = Linear(np.where(np.arange(60) % 2, back.ops[0].weight, 0).astype(np.float32))
    sparse = tuple(replace(p, ops=(half,)) if p is back else p for p in net.projections)
    assert compiler(spikes()).place(replace(net, projections=sparse)).findings == ()
