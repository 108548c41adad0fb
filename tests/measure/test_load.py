"""The load of a measured program: the SynOps of its activity, on the cores that it is placed on."""

from __future__ import annotations

import pytest

from spear_deploy.data import Dataset
from spear_deploy.frontends import Semantics
from spear_deploy.measure.load import measured_load
from spear_deploy.measure.ranges import input_range
from spear_deploy.measure.runs import measure_program
from spear_deploy.network import Network
from spear_deploy.targets import LoweringOptions, compiler_for, load_chip


@pytest.mark.parametrize(("chip", "cores"), [("loihi2", 3), ("xylo_audio2", 1), ("speck2e", 3)])
def test_all_synops_arrive_at_a_core(chip: str, cores: int, tiny_network: Network, tiny_data: Dataset) -> None:
    """As many as the activity has, by the family's own count: at the core of their layer, or at the one there is."""
    compiler = compiler_for(load_chip(chip), {tiny_network.inputs[0].name: input_range(tiny_data)}, LoweringOptions())
    network, _ = compiler.adapt(tiny_network, Semantics(dt=1.0))
    lowered = compiler.lower(network)
    activity = measure_program(lowered.program, tiny_data.test)
    load = measured_load(lowered.program, lowered.placement, activity, tiny_data.steps)
    loads = load.of(lowered.placement)
    assert load.steps == tiny_data.steps * len(tiny_data.test)
    assert loads.synops.sum() == activity.total.sum() > 0
    into = {name: sum(int(activity.synops[p.name].sum()) for p in network.into(name)) for name in network.shapes}
    by_core = [sum(into.values())] if cores == 1 else sorted(into[p.name] for p in network.neurons)
    assert sorted(loads.synops[loads.neurons > 0].tolist()) == by_core
    assert loads.neurons.sum() == sum(population.size for population in network.neurons)
    outside = activity.sent[tiny_network.inputs[0].name].sum()
    assert 0 < loads.received.sum() - loads.sent.sum() <= outside
    if cores == 1:
        assert loads.sent.sum() == 0
    fired = sum(int(each.sum()) for each in activity.spikes.values())
    assert sum(int(each.sum()) for each in activity.sent.values()) == fired
