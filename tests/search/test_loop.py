"""The search loop: what it measures, what it takes, and when it stops."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from spear_deploy.deployment.run import JOURNAL, Deployment
from spear_deploy.network.units import unit_groups
from spear_deploy.search.loop import Limits
from spear_deploy.search.lre import fit
from tests.deployment.conftest import SEARCH, Deploy


def journal(deployment: Deployment) -> list[dict]:
    lines = (deployment.options.output / JOURNAL).read_text().splitlines()
    return [json.loads(line) for line in lines[1:]]


def test_the_candidate_is_within_its_measured_budget(deployed: Deployment) -> None:
    """What the search returns was measured on the emulated chip, over all test samples, within both limits."""
    assert deployed.search is not None
    candidate = deployed.search.candidate
    assert deployed.search.within
    assert candidate.within(deployed.limits)
    assert candidate.measured.synops <= deployed.limits.synops
    assert len(candidate.measured.activity.total) == len(deployed.data.test)


def test_tighter_limits_are_not_met(deployed: Deployment) -> None:
    """A candidate is beyond limits that are just below what was measured of it."""
    candidate = deployed.search.candidate
    cores = candidate.measured.lowered.placement.cores
    assert candidate.within(Limits(candidate.measured.synops, cores))
    assert not candidate.within(Limits(candidate.measured.synops * 0.999, cores))
    assert not candidate.within(Limits(candidate.measured.synops, cores - 1))


def test_the_network_has_the_units_that_were_kept(deployed: Deployment) -> None:
    """Counts, kept units and the fine-tuned network agree, and something was pruned."""
    candidate = deployed.search.candidate
    groups = {group.name: group.units for group in unit_groups(deployed.baseline.network).groups}
    assert set(candidate.counts) == set(candidate.kept) == set(groups)
    for name, count in candidate.counts.items():
        assert candidate.kept[name] == sorted(set(candidate.kept[name]))
        assert len(candidate.kept[name]) == count == candidate.measured.network[name].units
        assert max(candidate.kept[name]) < groups[name]
    assert sum(candidate.counts.values()) < sum(groups.values())


def test_lre_learns_from_every_measured_pair(deployed: Deployment) -> None:
    """The line is fitted on the random networks and on each candidate, and its record is in the journal."""
    found = deployed.search
    assert len(found.pairs) == SEARCH.samples + found.candidates
    assert found.lre == fit(found.pairs)
    probes = [entry["value"] for entry in journal(deployed) if entry["kind"] == "probe"]
    assert [pair.__dict__ for pair in found.pairs[: len(probes)]] == probes


def test_pairs_are_shares_of_the_unpruned_network(deployed: Deployment) -> None:
    """SynOps before and after fine-tuning are shares; random networks lie around the target of 60 %."""
    pre = np.array([pair.pre for pair in deployed.search.pairs[: SEARCH.samples]])
    post = np.array([pair.post for pair in deployed.search.pairs])
    assert np.all((pre > 0.1) & (pre <= 1.2))
    assert np.all((post > 0) & (post < 2))


def test_episodes_and_candidates_are_counted(deployed: Deployment) -> None:
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
    assert not deployment.search.within
    assert deployment.measured.synops > deployment.limits.synops
    assert deployment.error is not None
    assert [finding.code for finding in deployment.error.findings] == ["E040"]
    assert deployment.error.exit_code == 4
    assert f"{deployment.measured.synops:,.0f}" in str(deployment.error)


def test_the_report_tells_what_fine_tuning_gained(deployed: Deployment) -> None:
    """Accuracy after pruning alone and after fine-tuning are kept apart; fine-tuning at this budget does not lose."""
    candidate = deployed.search.candidate
    assert 0 <= candidate.pruned_accuracy <= 1
    assert candidate.measured.activity.accuracy >= candidate.pruned_accuracy - 0.1
    assert candidate.measured.activity.accuracy == pytest.approx(1.0, abs=0.3)
