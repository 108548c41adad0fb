"""Single weights: what they cost, and networks of the best of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spear_deploy.measure.runs import measure_float
from spear_deploy.network import Network
from spear_deploy.search.cost import mean_spikes
from spear_deploy.search.synapses import SynapseCosts, masked, weights_of
from tests.search.methods.tiny_tasks import KINDS, data_of, network_of, synapses_of, task_of
from tests.strategies import networks

TASKS = {kind: task_of(network_of(kind), data_of(network_of(kind)), 0.4) for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
def test_costs_add_up_to_measured_synops(kind: str) -> None:
    """Where weights are the last operation, the sum over weights is what is measured, for any part of them."""
    task = TASKS[kind]
    synapses = synapses_of(task)
    costs = synapses.costs()
    measured = measure_float(task.network, task.data.train).mean_synops
    assert sum(cost.sum() for cost in costs.values()) == pytest.approx(measured, rel=1e-5)
    rng = np.random.default_rng(0)
    masks = {place: rng.random(cost.shape) < 0.5 for place, cost in costs.items()}
    some = sum(cost[masks[place]].sum() for place, cost in costs.items())
    assert some / measured == pytest.approx(synapses.share(masked(task.network, masks)), rel=1e-5)


@settings(max_examples=25, deadline=None)
@given(networks(timed=True), st.integers(0, 2**16))
def test_nothing_goes_below_the_floor(network: Network, seed: int) -> None:
    """Whatever single weight of each operation is left: no fewer spikes of the inputs pass."""
    split = data_of(network).train.head(4)
    synapses = SynapseCosts(network, mean_spikes(network, split))
    rng = np.random.default_rng(seed)
    scores = {place: rng.random(weight.shape) for place, weight in weights_of(network).items()}
    left = masked(network, synapses.kept(scores, 0.0))
    assert synapses.floor <= synapses.share(left) * synapses.synops + 1e-6


@settings(max_examples=25, deadline=None)
@given(networks(timed=True), st.floats(0.05, 1.0), st.integers(0, 2**16))
def test_any_network_is_cut_to_the_aim(network: Network, aim: float, seed: int) -> None:
    """Chains of several operations too: within the aim, or nothing but the best weight of each operation is left."""
    split = data_of(network).train.head(4)
    synapses = SynapseCosts(network, mean_spikes(network, split))
    rng = np.random.default_rng(seed)
    scores = {place: rng.random(weight.shape) for place, weight in weights_of(network).items()}
    masks = synapses.kept(scores, aim)
    is_least = all(mask.sum() <= 1 for mask in masks.values())
    assert is_least or synapses.share(masked(network, masks)) <= aim + 1e-9
    assert all(mask.any() for place, mask in masks.items() if weights_of(network)[place].any())
