"""The closing fine-tuning: what is left above a budget is removed as it was pruned before."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from spear_deploy.budgets import Budget
from spear_deploy.budgets.synops import MEAN
from spear_deploy.data import Dataset
from spear_deploy.execution import Execution
from spear_deploy.journal import Journal
from spear_deploy.measure.measured import Baseline
from spear_deploy.measure.runs import measure_float, measure_program
from spear_deploy.network import Network
from spear_deploy.search import closing
from spear_deploy.search.candidate import Candidate, Option
from spear_deploy.search.checkpoints import Checkpoints
from spear_deploy.search.closing import close
from spear_deploy.search.evaluator import Evaluator
from spear_deploy.search.goal import Goal
from spear_deploy.search.methods import Outcome, Proposal
from spear_deploy.search.synapses import weights_of
from spear_deploy.search.thinning import costs_of, thinned
from spear_deploy.targets import InputRange, LoweringOptions, compiler_for, load_chip
from tests.tiny_deployments import SEARCH


@pytest.fixture
def evaluator(tiny_network: Network, tiny_data: Dataset, tmp_path: Path) -> Evaluator:
    compiler = compiler_for(load_chip("loihi2"), {"input": InputRange()}, LoweringOptions())
    lowered = compiler.lower(tiny_network)
    in_float, on_chip = measure_float(tiny_network, tiny_data.val), measure_program(lowered.program, tiny_data.val)
    baseline = Baseline(tiny_network, lowered, in_float, on_chip, in_float, on_chip)
    checkpoints = Checkpoints(Journal(tmp_path / "journal", {}, resume=False), tmp_path / "weights")
    return Evaluator(baseline, tiny_data, compiler, SEARCH, Execution(), checkpoints)


def sparse_network(evaluator: Evaluator) -> Network:
    """The unpruned network with synapses of four fifths of the SynOps."""
    data, execution = evaluator.data, evaluator.execution
    return thinned(costs_of(evaluator.baseline.network, data, execution), 0.8, data, execution).network


def candidate_of(network: Network, evaluator: Evaluator) -> Candidate:
    """A network with all of its units, as it is."""
    kept = {group.name: list(range(group.units)) for group in evaluator.groups.groups}
    proposal = Proposal({name: len(units) for name, units in kept.items()}, network)
    option = Option("method", proposal, network, kept, Outcome(1.0, 1.0), 1.0)
    return Candidate(option, evaluator.measure(network), 0.0, ())


def closed(candidate: Candidate, evaluator: Evaluator, share: float) -> tuple[Candidate, Goal]:
    """Close on that share of what the candidate uses, at a learning rate of 0, by which nothing is pressed."""
    whole = Goal((Budget(MEAN, 1.0),), evaluator.baseline)
    goal = Goal((Budget(MEAN, share * whole.use(whole.budgets[0], candidate.measured)),), evaluator.baseline)
    assert not goal.is_met(candidate.measured)
    return close(candidate, evaluator, goal, 0.0, lambda done, total: None).candidate, goal


@pytest.mark.parametrize("share", [0.98, 0.7])
def test_single_synapses_go_where_such_were_pruned(share: float, evaluator: Evaluator) -> None:
    """However little is missed: without a press the budget is met, all units stay, and no synapse comes back."""
    sparse = sparse_network(evaluator)
    candidate = candidate_of(sparse, evaluator)
    done, goal = closed(candidate, evaluator, share)
    assert goal.is_met(done.measured)
    assert done.option.kept == candidate.option.kept
    before, after = weights_of(sparse), weights_of(done.measured.network)
    assert all(((after[place] == 0) | (before[place] != 0)).all() for place in before)
    assert sum(map(np.count_nonzero, after.values())) < sum(map(np.count_nonzero, before.values()))


def test_units_go_elsewhere(evaluator: Evaluator) -> None:
    """And on a chip that reads whole kernels, where synapses that are gone cost what they did."""
    candidate = candidate_of(evaluator.baseline.network, evaluator)
    done, goal = closed(candidate, evaluator, 0.7)
    assert goal.is_met(done.measured)
    units = {name: len(kept) for name, kept in candidate.option.kept.items()}
    assert {name: len(kept) for name, kept in done.option.kept.items()} != units


def test_units_go_where_zeros_cost_as_much(evaluator: Evaluator, monkeypatch: pytest.MonkeyPatch) -> None:
    """A chip that reads whole kernels saves nothing by single synapses."""
    sparse = sparse_network(evaluator)
    monkeypatch.setattr(type(evaluator.baseline.lowered.target), "counts_zeros", True)
    candidate = candidate_of(sparse, evaluator)
    done, _ = closed(candidate, evaluator, 0.7)
    assert done.option.kept != candidate.option.kept


def test_what_is_within_is_left_as_it_is(evaluator: Evaluator) -> None:
    """Nothing is removed from a network that keeps its budget."""
    candidate = candidate_of(evaluator.baseline.network, evaluator)
    goal = Goal((Budget(MEAN, 2 * evaluator.baseline.chip_val.mean_synops),), evaluator.baseline)
    done = close(candidate, evaluator, goal, 0.0, lambda done, total: None).candidate
    assert done.option.kept == candidate.option.kept
    assert goal.is_met(done.measured)


def test_nothing_is_trained_where_nothing_can_be_gained(evaluator: Evaluator, monkeypatch: pytest.MonkeyPatch) -> None:
    """A network within its budget that decides every validation sample surely."""
    candidate = candidate_of(evaluator.baseline.network, evaluator)
    goal = Goal((Budget(MEAN, 2 * evaluator.baseline.chip_val.mean_synops),), evaluator.baseline)
    monkeypatch.setattr(closing, "calibrated_loss", lambda activity: 0.0)
    assert close(candidate, evaluator, goal, 1e-3, lambda done, total: None).candidate is candidate


@pytest.mark.parametrize(("trained", "rises"), [(True, False), (False, True)])
def test_what_has_not_converged_is_told(
    trained: bool, rises: bool, evaluator: Evaluator, untrained_network: Network
) -> None:
    """The last round of a few batches still raises the accuracy of an untrained network, and not of a trained one."""
    network = evaluator.baseline.network if trained else untrained_network
    goal = Goal((Budget(MEAN, 5 * evaluator.baseline.chip_val.mean_synops),), evaluator.baseline)
    done = close(candidate_of(network, evaluator), evaluator, goal, 2e-3, lambda done, total: None)
    assert (done.rising > 0) == rises
