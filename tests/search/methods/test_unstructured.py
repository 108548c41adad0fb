"""Unstructured pruning: magnitude, gradual, and Grad R beside a small literal version of its algorithm."""

from __future__ import annotations

from dataclasses import replace
from math import exp, log

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from spear_deploy.deadline import Deadline
from spear_deploy.measure.runs import measure_program
from spear_deploy.network import Network
from spear_deploy.network.units import keep_units, unit_groups
from spear_deploy.search.gradual import GradualPath, Stage
from spear_deploy.search.importance import weight_importance
from spear_deploy.search.methods import METHODS, Proposal, Task
from spear_deploy.search.methods.gradr import Rewired, location
from spear_deploy.search.synapses import SynapseCosts, weights_of, with_weights
from spear_deploy.targets import InputRange, LoweringOptions, compiler_for, load_chip
from spear_deploy.train.config import FinetuneConfig
from spear_deploy.train.finetune import finetune
from tests.search.methods.tiny_tasks import KINDS, data_of, network_of, proposal_of, synapses_of, task_of

AT_ONCE = ("magnitude", "gradr")
METHODS_OF_WEIGHTS = (*AT_ONCE, "synapses")
TASKS = {kind: task_of(network_of(kind), data_of(network_of(kind)), 0.4) for kind in KINDS}


def existing(network: Network) -> dict[tuple[int, int], np.ndarray]:
    return {place: weight != 0 for place, weight in weights_of(network).items()}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", AT_ONCE)
def test_the_target_is_met_in_synapses(kind: str, name: str) -> None:
    """All units stay, at the unpruned rates SynOps are the target's but for a weight, and the seed decides."""
    task = TASKS[kind]
    proposal = proposal_of(METHODS.get(name)(task))
    assert proposal.counts == task.space.units
    assert {n: units.tolist() for n, units in proposal.kept.items()} == {
        n: list(range(units)) for n, units in task.space.units.items()
    }
    assert 0.37 < synapses_of(task).share(proposal.network) <= 0.4
    assert proposal_of(METHODS.get(name)(task)).network.content_hash == proposal.network.content_hash


@pytest.mark.parametrize("name", METHODS_OF_WEIGHTS)
def test_fine_tuning_keeps_it_sparse(name: str) -> None:
    task = TASKS["dense"]
    proposal = proposal_of(METHODS.get(name)(task))
    tuned = finetune(proposal.network, task.data.train, FinetuneConfig(epochs=3, batch=24), seed=0).network
    before, after = existing(proposal.network), existing(tuned)
    assert all(not (after[place] & ~before[place]).any() for place in before)
    assert tuned.content_hash != proposal.network.content_hash


@pytest.mark.parametrize("kind", KINDS)
def test_magnitude_keeps_the_largest_weights_of_each_operation(kind: str) -> None:
    task = TASKS[kind]
    network = proposal_of(METHODS.get("magnitude")(task)).network
    for place, weight in weights_of(task.network).items():
        kept = weights_of(network)[place] != 0
        np.testing.assert_array_equal(weights_of(network)[place][kept], weight[kept])
        assert kept.any()
        if not kept.all():
            assert np.abs(weight[kept]).min() >= np.abs(weight[~kept]).max()


def literal(weight: np.ndarray, gradients: np.ndarray, rate: float, alpha: float, mu: float) -> np.ndarray:
    """The update of papers.md 3.1, one line for each of its points."""
    s, theta = np.sign(weight), np.abs(weight)
    m, v = np.zeros_like(theta), np.zeros_like(theta)
    for t, g in enumerate(gradients, start=1):
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        m_hat, v_hat = m / (1 - 0.9**t), v / (1 - 0.999**t)
        old = theta
        theta = theta - rate * s * m_hat / (np.sqrt(v_hat) + 1e-8)
        theta = theta - rate / (1 - 0.9**t) * alpha * np.sign(old - mu)
    return s * np.maximum(theta, 0)


@settings(max_examples=40)
@given(st.integers(0, 2**16), st.floats(1e-4, 0.1), st.floats(1e-3, 1.0), st.floats(-2, 1))
def test_grad_r_is_the_published_update(seed: int, rate: float, alpha: float, mu: float) -> None:
    """Synapses that vanished move on, and some come back."""
    rng = np.random.default_rng(seed)
    weight, gradients = rng.normal(0, 0.3, (4, 5)), rng.normal(0, 1, (30, 4, 5))
    rewired = Rewired(torch.tensor(weight), alpha, mu)
    for gradient in gradients:
        rewired.step(torch.tensor(gradient), rate)
    np.testing.assert_allclose(rewired.weight.numpy(), literal(weight, gradients, rate, alpha, mu), atol=1e-9)


@given(st.floats(0.01, 0.99), st.floats(1e-3, 10))
def test_the_prior_has_the_sparsity_wanted_below_zero(sparsity: float, alpha: float) -> None:
    mu = location(sparsity, alpha)
    below = 0.5 * exp(-alpha * mu) if mu > 0 else 1 - 0.5 * exp(alpha * mu)
    assert below == pytest.approx(sparsity)
    if sparsity >= 0.5:
        assert mu == pytest.approx(log(2 * (1 - sparsity)) / alpha)


def test_grad_r_prunes_while_it_trains() -> None:
    """Weights vanish in training, signs are kept, and no random state of others moves."""
    task: Task = TASKS["dense"]
    method = METHODS.get("gradr")(task)
    proposal: Proposal = proposal_of(method)
    figures = method.figures()
    assert 0 < figures["sparsity_trained"] < 1
    assert figures["sparsity_wanted"] > 0.4
    for place, weight in weights_of(task.network).items():
        assert (weights_of(proposal.network)[place] * weight >= 0).all()


@pytest.mark.parametrize("name", METHODS_OF_WEIGHTS)
def test_a_target_that_is_met_removes_nothing(name: str) -> None:
    network = network_of("dense")
    proposal = proposal_of(METHODS.get(name)(task_of(network, data_of(network), 1.0)))
    assert all((weight != 0).all() for weight in weights_of(proposal.network).values())
    assert unit_groups(proposal.network).groups == unit_groups(network).groups


@pytest.mark.parametrize("kind", KINDS)
def test_missing_synapses_cost_nothing_on_the_chip(kind: str) -> None:
    """Lowered, trained through the chip's integers and measured, a network has the synapses that were left to it."""
    task = TASKS[kind]
    chip = compiler_for(load_chip("loihi2"), {"input": InputRange()}, LoweringOptions())
    cut = proposal_of(METHODS.get("magnitude")(task)).network
    config = FinetuneConfig(epochs=2, batch=24)
    tuned = finetune(cut, task.data.train, config, seed=0, simulator=chip.trainable).network
    lowered = chip.lower(tuned)
    assert not lowered.placement.findings
    left = {synapses.name: np.count_nonzero(synapses.weight) for synapses in cut.synapses}
    for projection in lowered.program.projections:
        assert 0 < np.count_nonzero(projection.synapses.weight) <= left[projection.synapses.name]
    whole = measure_program(chip.lower(task.network).program, task.data.train).mean_synops
    spent = measure_program(lowered.program, task.data.train).mean_synops
    assert 0 < spent / whole < 0.6


@pytest.mark.parametrize("kind", KINDS)
def test_gradual_meets_the_target_at_the_rates_it_trained(kind: str) -> None:
    """All units that it was given stay, and the seed decides."""
    task = TASKS[kind]
    proposal = proposal_of(METHODS.get("synapses")(task))
    assert proposal.counts == task.space.units
    left = SynapseCosts.of(proposal.network, task.data.val, task.execution).synops / task.cost.total
    assert 0.2 < left <= 1.1 * 0.4  # stages end at 1.05 of the target, or near
    assert proposal_of(METHODS.get("synapses")(task)).network.content_hash == proposal.network.content_hash


def test_gradual_thins_what_gradual_pruning_left() -> None:
    """From the first stage below three times the target that fits, or the last one: its units stay."""
    task = TASKS["dense"]
    whole, kept = task.path.end, {"a": np.arange(5), "b": np.arange(6)}
    narrow = Stage(keep_units(task.network, kept), kept, 0.55, 8)
    task = replace(task, path=GradualPath((whole, narrow), ()), target=0.2)
    method = METHODS.get("synapses")(task)
    proposal, figures = proposal_of(method), method.figures()
    assert proposal.counts == {"a": 5, "b": 6}
    assert proposal.network["a"].units == 5
    assert proposal.steps == 8 + figures["stages"] * task.refining
    assert figures["stages"] >= 2, "a quarter of the SynOps at most goes at once"
    assert 0 < figures["density"] < 0.7
    assert task.path.down_to(1.0, task.space.fits) is whole
    assert task.path.down_to(1.0, lambda counts: counts["a"] < 10) is narrow
    assert task.path.down_to(0.1, task.space.fits) is narrow


def test_a_stage_after_which_hardly_anything_fires_is_cut_half_as_deep() -> None:
    """It is done once more from the network before it, so that the budget is used."""
    made: list[Network] = []

    def refine(network: Network) -> Network:
        made.append(network)
        silent = {place: 0 * weight for place, weight in weights_of(network).items()}
        return with_weights(network, silent) if len(made) == 1 else network

    task = replace(TASKS["dense"], target=0.6, refine=refine)
    method = METHODS.get("synapses")(task)
    proposal, costs = proposal_of(method), SynapseCosts.of(task.network, task.data.val, task.execution)
    first, second, *_ = (costs.share(network) for network in made)
    assert first == pytest.approx(0.75, abs=0.02), "a quarter of the SynOps at most"
    assert second == pytest.approx(0.75**0.5, abs=0.02)
    assert method.figures()["stages"] == len(made)
    assert proposal.network is made[-1]
    assert proposal.steps == len(made) * task.refining


def test_no_stage_begins_after_the_deadline() -> None:
    """What the gradual path left then is proposed as it is: nothing would fine-tune what came later."""
    task = TASKS["dense"]
    late = replace(task, execution=replace(task.execution, deadline=Deadline(at=0.0)))
    method = METHODS.get("synapses")(late)
    assert proposal_of(method).network is task.path.end.network
    assert method.figures()["stages"] == 0


def test_importance_is_that_of_the_difference_it_makes() -> None:
    """A weight without an effect on the decision has none, and one that decides has more than most."""
    task = TASKS["dense"]
    importance = weight_importance(task.network, task.data.train, task.execution)
    weights = weights_of(task.network)
    assert {place: value.shape for place, value in importance.items()} == {p: w.shape for p, w in weights.items()}
    dead = {place: weight * (place != (2, 0)) for place, weight in weights.items()}
    severed = weight_importance(with_weights(task.network, dead), task.data.train, task.execution)
    assert all(not value.any() for value in severed.values()), "nothing reaches the output"
