"""Methods that scale what units send: the simulator they share, its folding, and gates, slimming and SCA."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from spear_deploy.measure.runs import measure_float
from spear_deploy.network import Network
from spear_deploy.network.units import unit_groups
from spear_deploy.search.methods import METHODS, Outcome
from spear_deploy.search.methods.factors import FactorSimulator, folded, pruned_and_folded
from spear_deploy.search.methods.gates import BETA, drawn, expected_share, probability, settled
from spear_deploy.search.methods.sca import ROUNDS
from spear_deploy.search.methods.slimming import Scales
from spear_deploy.simulate.simulator import FloatSimulator
from spear_deploy.train.config import FinetuneConfig
from spear_deploy.train.finetune import finetune
from tests.search.methods.tiny_tasks import KINDS, data_of, largest_unit, network_of, proposal_of, share_of, task_of
from tests.strategies import networks

METHODS_OF_FACTORS = ("gates", "sca", "slimming")
TASKS = {kind: task_of(network_of(kind), data_of(network_of(kind)), 0.5) for kind in KINDS}


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


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", METHODS_OF_FACTORS)
def test_the_target_is_met_in_units(kind: str, name: str) -> None:
    """By the cost model, but for one unit at most; the seed decides; global random states are left alone."""
    task = TASKS[kind]
    method = METHODS.get(name)(task)
    proposal = proposal_of(method)
    assert method.ask() is None
    assert 0.5 - largest_unit(task) < share_of(task, proposal.kept) <= 0.5
    assert proposal.counts == {group: len(units) for group, units in proposal.kept.items()}
    shapes = {p.name: p.shape[0] for p in proposal.network.populations}
    assert all(shapes[group] == count for group, count in proposal.counts.items())
    assert method.merit(proposal, Outcome(0.7, 0.5)) == 0.7
    again = proposal_of(METHODS.get(name)(task))
    assert again.network.content_hash == proposal.network.content_hash
    other = task_of(task.network, task.data, 0.5, seed=5)
    assert proposal_of(METHODS.get(name)(other)).network.content_hash != proposal.network.content_hash


@pytest.mark.parametrize("name", METHODS_OF_FACTORS)
def test_little_is_lost_on_an_easy_task(name: str) -> None:
    """Half of the SynOps of a trained network, pruned while training: nearly all samples are still told apart."""
    network = network_of("dense")
    data = data_of(network)
    trained = finetune(network, data.train, FinetuneConfig(epochs=30, learning_rate=1e-2, batch=24), seed=0).network
    proposal = proposal_of(METHODS.get(name)(task_of(trained, data, 0.5)))
    tuned = finetune(
        proposal.network, data.train, FinetuneConfig(epochs=8, learning_rate=5e-3, batch=24), seed=0
    ).network
    assert measure_float(tuned, data.test).accuracy > 0.85


def test_sca_prunes_and_regrows() -> None:
    """The aim falls from round to round to the target; what was removed in one comes back in some other."""
    network = network_of("dense")
    method = METHODS.get("sca")(task_of(network, data_of(network), 0.4))
    proposal_of(method)
    rounds = method.figures()["rounds"]
    assert len(rounds) == ROUNDS
    assert [each["aim"] for each in rounds] == sorted((each["aim"] for each in rounds), reverse=True)
    assert all(each["share"] <= each["aim"] for each in rounds)
    assert sum(each["regrown"] for each in rounds) > 0 == rounds[-1]["regrown"]


def test_expected_synops_are_the_cost_models() -> None:
    """Of probabilities 0 and 1 exactly, in between on average, with a loop too."""
    task = TASKS["recurrent"]
    rng = np.random.default_rng(0)
    p = {name: rng.random(units) for name, units in task.space.units.items()}
    shares = []
    for _ in range(3000):
        there = {name: rng.random(len(values)) < values for name, values in p.items()}
        shares.append(share_of(task, {name: np.flatnonzero(mask) for name, mask in there.items()}))
        exact = expected_share(task.cost, {name: torch.tensor(mask).float() for name, mask in there.items()})
        if len(shares) < 10:
            assert float(exact) == pytest.approx(shares[-1], abs=1e-5)
    expected = expected_share(task.cost, {name: torch.tensor(values).float() for name, values in p.items()})
    assert float(expected) == pytest.approx(np.mean(shares), rel=0.02)


@given(st.floats(-6, 6))
def test_gates_are_hard_concrete(a: float) -> None:
    """How often a drawn gate is not shut is the probability that is pressed; it stays within 0 and 1."""
    gates = drawn(torch.full((20000,), a), torch.Generator().manual_seed(0))
    assert float(gates.min()) >= 0
    assert float(gates.max()) <= 1
    p = float(probability(torch.tensor(a)))
    assert float((gates > 0).float().mean()) == pytest.approx(p, abs=0.02)
    assert pytest.approx(2 / 3) == BETA
    assert 0 <= float(settled(torch.tensor(a))) <= 1


def test_scales_that_no_loss_holds_end_at_zero() -> None:
    """Against a gradient as strong as the mean a scale stays; without one it falls by the whole way."""
    scales = Scales({"a": 2})
    for way in (0.0, *(0.1,) * 10):
        (leaf,) = scales.leaves().values()
        (leaf * torch.tensor([-2.0, 0.0])).sum().backward()
        scales.step(way)
    held, lost = scales.values["a"].tolist()
    assert lost == pytest.approx(0.0, abs=1e-6)
    assert held > 0.8
