"""Methods that scale what units send while they train: gates, slimming and SCA."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from spear_deploy.measure.runs import measure_float
from spear_deploy.search.methods import METHODS, Outcome
from spear_deploy.search.methods.gates import BETA, drawn, expected_share, probability, settled
from spear_deploy.search.methods.sca import ROUNDS
from spear_deploy.search.methods.slimming import Scales
from spear_deploy.train.config import FinetuneConfig
from spear_deploy.train.finetune import finetune
from tests.search.methods.tiny_tasks import KINDS, data_of, largest_unit, network_of, proposal_of, share_of, task_of

METHODS_OF_FACTORS = ("gates", "sca", "slimming")
TASKS = {kind: task_of(network_of(kind), data_of(network_of(kind)), 0.5) for kind in KINDS}


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
