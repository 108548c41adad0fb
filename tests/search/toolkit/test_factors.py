"""Networks whose spikes are scaled: the simulator, and how factors are folded into the weights."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from spear_deploy.network import Network
from spear_deploy.network.units import unit_groups
from spear_deploy.search.toolkit.factors import FactorSimulator, folded, pruned_and_folded
from spear_deploy.simulate.simulator import FloatSimulator
from tests.search.methods.tiny_tasks import KINDS, network_of
from tests.strategies import networks


def inputs_of(network: Network, seed: int) -> dict[str, torch.Tensor]:
    rng = np.random.default_rng(seed)
    (port,) = network.inputs
    return {port.name: torch.from_numpy((rng.random((7, 3, *port.shape)) < 0.5).astype(np.float32))}


def factored(network: Network, seed: int) -> FactorSimulator:
    groups = unit_groups(network)
    simulator = FactorSimulator(network, groups)
    rng = np.random.default_rng(seed)
    for group in groups.groups:  # quarters, so that sums are the same in any order
        simulator.factors[group.name] = torch.tensor(rng.integers(1, 6, group.units) / 4, dtype=torch.float32)
    return simulator


@settings(max_examples=40, deadline=None)
@given(networks(timed=True), st.integers(0, 2**16))
def test_folded_factors_do_what_factors_did(network: Network, seed: int) -> None:
    """Whole spikes through scaled weights are scaled spikes: skips, poolings, depthwise operations and loops too."""
    simulator, inputs = factored(network, seed), inputs_of(network, seed)
    weights = folded(network, unit_groups(network), {n: f.numpy() for n, f in simulator.factors.items()})
    with torch.no_grad():
        scaled, whole = simulator(inputs), FloatSimulator(weights)(inputs)
    output = network.outputs[0]
    torch.testing.assert_close(scaled[output], whole[output], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_fused_and_step_by_step_are_one(kind: str) -> None:
    """Where membranes are asked for it goes step by step, with the same spikes."""
    network = network_of(kind)
    simulator, inputs = factored(network, 0), inputs_of(network, 0)
    membranes: dict[str, torch.Tensor] = {}
    with torch.no_grad():
        fused, stepped = simulator(inputs), simulator(inputs, membranes)
    assert set(membranes) == set(fused)
    for name in fused:
        torch.testing.assert_close(fused[name], stepped[name])


@pytest.mark.parametrize("kind", KINDS)
def test_factors_of_one_change_nothing_and_get_gradients(kind: str) -> None:
    network = network_of(kind)
    simulator, inputs = FactorSimulator(network, unit_groups(network)), inputs_of(network, 0)
    for name, factor in list(simulator.factors.items()):
        simulator.factors[name] = factor.clone().requires_grad_()
    out, plain = simulator(inputs), FloatSimulator(network)(inputs)
    torch.testing.assert_close(out["output"], plain["output"])
    out["output"].sum().backward()
    assert all(factor.grad is not None and factor.grad.any() for factor in simulator.factors.values())
    assert simulator.to_network().content_hash == network.content_hash


@settings(max_examples=10, deadline=None)
@given(networks(), st.integers(0, 2**16))
def test_pruning_is_a_factor_of_zero(network: Network, seed: int) -> None:
    """A unit without spikes is a unit that is not there."""
    groups, rng = unit_groups(network), np.random.default_rng(seed)
    kept = {g.name: np.sort(rng.choice(g.units, -(-g.units // 2), replace=False)) for g in groups.groups}
    simulator, inputs = FactorSimulator(network, groups), inputs_of(network, seed)
    for group in groups.groups:
        simulator.factors[group.name] = torch.tensor(np.isin(np.arange(group.units), kept[group.name])).float()
    with torch.no_grad():
        scaled, gone = simulator(inputs), FloatSimulator(pruned_and_folded(network, kept))(inputs)
    output = network.outputs[0]
    torch.testing.assert_close(scaled[output], gone[output], rtol=1e-4, atol=1e-4)
