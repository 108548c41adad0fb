"""The search loop: what it measures, what it takes, and when it stops."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import spear_deploy
from spear_deploy.budgets import Budget
from spear_deploy.budgets.cores import CORES
from spear_deploy.budgets.synops import MEAN
from spear_deploy.deployment.folder import JOURNAL
from spear_deploy.deployment.verdict import error_of
from spear_deploy.deployment.work import Work
from spear_deploy.network.units import unit_groups
from spear_deploy.search.goal import Goal
from spear_deploy.search.lre import fit
from tests.tiny_deployments import SEARCH, Deploy


def journal(deployment: Work) -> list[dict]:
    lines = (deployment.options.output / JOURNAL).read_text().splitlines()
    return [json.loads(line) for line in lines[1:]]


def test_the_candidate_is_within_its_measured_budget(deployed: Work) -> None:
    """What the search returns was measured on the emulated chip, over all test samples, within both limits."""
    assert deployed.search is not None
    candidate = deployed.search.candidate
    synops, cores = deployed.goal.budgets
    assert (synops.resource, cores.resource) == (MEAN, CORES)
    assert deployed.goal.is_met(candidate.measured)
    assert candidate.measured.synops <= synops.limit
    assert candidate.measured.lowered.placement.cores <= cores.limit
    assert len(candidate.measured.activity.total) == len(deployed.data.test)


def test_tighter_limits_are_not_met(deployed: Work) -> None:
    """A candidate is beyond limits that are just below what was measured of it."""
    measured = deployed.search.candidate.measured
    cores = measured.lowered.placement.cores

    def is_met(synops: float, cores: int) -> bool:
        return Goal((Budget(MEAN, synops), Budget(CORES, cores)), deployed.baseline).is_met(measured)

    assert is_met(measured.synops, cores)
    assert not is_met(measured.synops * 0.999, cores)
    assert not is_met(measured.synops, cores - 1)


def test_the_network_has_the_units_that_were_kept(deployed: Work) -> None:
    """Counts, kept units and the fine-tuned network agree, and something was pruned."""
    candidate = deployed.search.candidate
    groups = {group.name: group.units for group in unit_groups(deployed.baseline.network).groups}
    assert set(candidate.proposal.counts) == set(candidate.kept) == set(groups)
    for name, count in candidate.proposal.counts.items():
        assert candidate.kept[name] == sorted(set(candidate.kept[name]))
        assert len(candidate.kept[name]) == count == candidate.measured.network[name].units
        assert max(candidate.kept[name]) < groups[name]
    assert sum(candidate.proposal.counts.values()) < sum(groups.values())


def test_lre_learns_from_every_measured_pair(deployed: Work) -> None:
    """The line is fitted on the random networks and on each candidate, and its record is in the journal."""
    found = deployed.search
    assert len(found.pairs) == SEARCH.samples + found.candidates
    assert found.lre == fit(found.pairs)
    probes = [entry["value"] for entry in journal(deployed) if entry["kind"] == "probe"]
    assert [pair.__dict__ for pair in found.pairs[: len(probes)]] == probes


def test_pairs_are_shares_of_the_unpruned_network(deployed: Work) -> None:
    """SynOps before and after fine-tuning are shares; random networks lie around the target of 60 %."""
    pre = np.array([pair.pre for pair in deployed.search.pairs[: SEARCH.samples]])
    post = np.array([pair.post for pair in deployed.search.pairs])
    assert np.all((pre > 0.1) & (pre <= 1.2))
    assert np.all((post > 0) & (post < 2))


def test_episodes_and_candidates_are_counted(deployed: Work) -> None:
    """The first round runs all episodes, every further one a quarter; it stops at the first that uses the budget."""
    found = deployed.search
    assert 1 <= found.candidates <= SEARCH.candidates
    assert found.episodes == SEARCH.episodes + (found.candidates - 1) * (SEARCH.episodes // 4)
    assert set(found.frozen) == {"input", "output"}


def test_a_search_that_fails_returns_its_best(run_deploy: Deploy, tmp_path: Path) -> None:
    """With hardly any training allowed at a hard budget the best candidate is returned, and said to be beyond it."""
    search = replace(
        SEARCH, candidates=1, lowest_ratio=0.5, aim=5.0, finish=replace(SEARCH.finish, epochs=0.01, learning_rate=0.0)
    )
    search = replace(search, probe=replace(search.probe, learning_rate=0.0))
    deployment = run_deploy(tmp_path / "build", synops="22%", search=search)
    error = error_of(deployment)
    assert not deployment.goal.is_met(deployment.search.candidate.measured)
    assert deployment.measured.synops > deployment.goal.budgets[0].limit
    assert error is not None
    assert [finding.code for finding in error.findings] == ["E040"]
    assert error.exit_code == 4
    assert f"{deployment.measured.synops:,.0f}" in str(error)


def test_the_report_tells_what_fine_tuning_gained(deployed: Work) -> None:
    """Accuracy after pruning alone and after fine-tuning are kept apart; fine-tuning at this budget does not lose."""
    candidate = deployed.search.candidate
    assert 0 <= candidate.pruned_accuracy <= 1
    assert candidate.measured.activity.accuracy >= candidate.pruned_accuracy - 0.1
    assert candidate.measured.activity.accuracy == pytest.approx(1.0, abs=0.3)


@pytest.fixture(scope="module")
def small_cores(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Loihi 2 with cores of five neurons: the tiny network takes five."""
    path = tmp_path_factory.mktemp("chip") / "small.toml"
    figure = "neurons_per_core = { value = 5, source = 'ME' }"
    path.write_text(f"inherits = 'loihi2'\ntitle = 'small'\n[capacity]\n{figure}\n[sources]\nME = 'made up'\n")
    return path


def test_a_budget_of_cores_alone_is_met_and_fine_tuned(small_cores: Path, tiny_nir: Path, tiny_npz: Path) -> None:
    """Pruning frees cores, and the last fine-tuning takes the epochs that it was given."""

    def deploy(epochs: float) -> Work:
        quick = {"episodes": 8, "candidates": 1}
        return spear_deploy.deploy(tiny_nir, tiny_npz, small_cores, cores=4, epochs=epochs, **quick).work

    short, long = deploy(1.0), deploy(6.0)
    assert error_of(short) is None
    assert short.lowered.placement.cores == 5
    assert short.measured.lowered.placement.cores <= 4
    assert short.measured.network.content_hash != long.measured.network.content_hash
