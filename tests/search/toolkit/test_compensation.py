"""Compensation: currents are never further from the unpruned network's than without, and exact where they can be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from spear_deploy.data import Dataset
from spear_deploy.network import Conv2d, Linear, Network
from spear_deploy.network.units import keep_units, unit_groups
from spear_deploy.search.toolkit.compensation import compensate, filtered
from spear_deploy.simulate.simulator import FloatSimulator
from tests.search.methods.tiny_tasks import KINDS, data_of, network_of
from tests.strategies import networks

NETWORKS = {kind: network_of(kind) for kind in KINDS}
DATA = {kind: data_of(NETWORKS[kind]) for kind in KINDS}


def run(network: Network, data: Dataset) -> tuple[FloatSimulator, dict[str, torch.Tensor]]:
    x, _ = next(data.train.batches(len(data.train)))
    inputs = {network.inputs[0].name: torch.from_numpy(np.array(x, np.float32))}
    simulator = FloatSimulator(network)
    with torch.no_grad():
        return simulator, inputs | simulator(inputs)


def error(network: Network, pruned: Network, kept: Mapping[str, np.ndarray], target: str, data: Dataset) -> float:
    """Squared error of the filtered current into a target, with what the pruned network itself sends."""
    (full, taught), (student, sent) = run(network, data), run(pruned, data)
    wanted, found = (s.arriving(target, known).detach() for s, known in ((full, taught), (student, sent)))
    wanted = wanted[:, :, kept[target]] if target in kept else wanted
    return float(filtered(wanted - found, 0.0, 0.9).square().sum())


@settings(max_examples=15, deadline=None)
@given(st.sampled_from(["dense", "conv"]), st.integers(0, 2**16))
def test_the_next_layer_is_never_worse(kind: str, seed: int) -> None:
    """Squared error of what arrives behind the first layer that is pruned; what is sent there is the same."""
    network, data, rng = NETWORKS[kind], DATA[kind], np.random.default_rng(seed)
    units = unit_groups(network).groups[0].units
    kept = {"a": np.sort(rng.choice(units, int(rng.integers(1, units)), replace=False))}
    pruned = keep_units(network, kept)
    after = compensate(network, pruned, kept, data.train)
    before = error(network, pruned, kept, "b", data)
    assert error(network, after, kept, "b", data) <= before * (1 + 1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_it_gains_on_average(kind: str) -> None:
    """Several layers pruned, a loop among them: the output's current comes nearer."""
    network, data = NETWORKS[kind], DATA[kind]
    gained = []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        kept = {g.name: np.sort(rng.choice(g.units, g.units // 2, replace=False)) for g in unit_groups(network).groups}
        pruned = keep_units(network, kept)
        after = compensate(network, pruned, kept, data.train)
        gained.append(error(network, pruned, kept, "output", data) / error(network, after, kept, "output", data))
    assert np.median(gained) > 1.5


@pytest.mark.parametrize("kind", ["dense", "conv"])
def test_a_duplicate_is_replaced_by_its_original(kind: str) -> None:
    """The unit that is left takes over the weights of the one like it that was removed, but for the ridge's pull."""
    network, data = NETWORKS[kind], DATA[kind]
    first, *others = network.projections
    (op,) = first.ops
    assert isinstance(op, Conv2d | Linear)
    weight = op.weight.copy()
    weight[1] = weight[0]
    network = replace(network, projections=(replace(first, ops=(replace(op, weight=weight),)), *others))
    kept = {"a": np.delete(np.arange(len(weight)), 1)}
    pruned = keep_units(network, kept)
    after = compensate(network, pruned, kept, data.train)
    assert error(network, after, kept, "b", data) < 1e-3 * error(network, pruned, kept, "b", data)
    before, fitted = (n.projections[1].ops[0].weight for n in (network, after))
    np.testing.assert_allclose(fitted[:, 0], before[:, 0] + before[:, 1], atol=0.05 * np.abs(before).max())


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_changed_where_nothing_was_removed(kind: str) -> None:
    network = NETWORKS[kind]
    after = compensate(network, network, {}, DATA[kind].train)
    for old, new in zip(network.projections, after.projections, strict=True):
        np.testing.assert_allclose(new.ops[-1].weight, old.ops[-1].weight, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_missing_synapses_stay_missing(kind: str) -> None:
    """Single weights may be what was removed: the others of their neuron take over, and none is added."""
    network, data = NETWORKS[kind], DATA[kind]
    projection = network.projections[1]
    op = projection.ops[0]
    assert isinstance(op, Conv2d | Linear)
    weight = np.where(np.random.default_rng(0).random(op.weight.shape) < 0.5, op.weight, 0)
    cut = replace(projection, ops=(replace(op, weight=weight),))
    pruned = replace(network, projections=tuple(cut if p is projection else p for p in network.projections))
    after = compensate(network, pruned, {}, data.train)
    fitted = after.projections[1].ops[0].weight
    assert not fitted[weight == 0].any()
    assert error(network, after, {}, "b", data) < error(network, pruned, {}, "b", data)


@settings(max_examples=15, deadline=None)
@given(networks(timed=True), st.integers(0, 2**16))
def test_any_network_is_compensated(network: Network, seed: int) -> None:
    """Skips, poolings, delays, loops and depthwise operations keep their shapes; weights stay finite."""
    rng = np.random.default_rng(seed)
    kept = {g.name: np.sort(rng.choice(g.units, -(-g.units // 2), replace=False)) for g in unit_groups(network).groups}
    pruned = keep_units(network, kept)
    after = compensate(network, pruned, kept, data_of(network).train.head(8))
    for old, new in zip(pruned.projections, after.projections, strict=True):
        for before, fitted in zip(old.ops, new.ops, strict=True):
            if isinstance(fitted, Conv2d | Linear):
                assert fitted.weight.shape == before.weight.shape
                assert np.isfinite(fitted.weight).all()
