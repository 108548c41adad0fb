"""What a deployment comes to: its rows of budgets, and the error that keeps it from being done."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from spear_deploy.deployment.verdict import budget_rows, error_of
from spear_deploy.deployment.work import Work
from spear_deploy.errors import BudgetNotMetError
from spear_deploy.search.goal import Goal


def test_within_budget(deployed: Work) -> None:
    """The measured SynOps and cores are within their limits, and nothing is wrong."""
    assert error_of(deployed) is None
    synops, cores = budget_rows(deployed)
    assert synops.budget.resource.name == "synops"
    assert synops.measured <= synops.budget.limit == pytest.approx(0.6 * deployed.baseline.synops)
    assert cores.measured == deployed.measured.lowered.placement.cores
    assert synops.within
    assert cores.within


def test_measured_beyond_the_budget(deployed: Work) -> None:
    """A measurement beyond a limit is E040 for that resource; a mismatch on the backend comes before it."""
    tight = tuple(replace(budget, limit=1) for budget in deployed.goal.budgets)
    beyond = replace(deployed, goal=Goal(tight, deployed.baseline))
    missed = error_of(beyond)
    assert isinstance(missed, BudgetNotMetError)
    assert [(f.code, f.where) for f in missed.findings] == [("E040", "synops"), ("E040", "cores")]
    verdict = SimpleNamespace(mismatches=2, bins=10, first_divergence="sample 0, step 3", backend="lava")
    wrong: Any = SimpleNamespace(validation=verdict, activity=deployed.measured.activity)
    error = error_of(replace(beyond, proof=wrong))
    assert error is not None
    assert (error.findings[0].code, error.exit_code) == ("E050", 5)
    assert "2 of 10 bins" in error.findings[0].message


def test_the_backends_own_count_must_be_within_too(deployed: Work) -> None:
    """SynOps counted from the backend's spikes are a budget of their own."""
    verdict = SimpleNamespace(mismatches=0, backend="lava")
    busy = SimpleNamespace(mean_synops=10 * deployed.goal.budgets[0].limit)
    run: Any = SimpleNamespace(validation=verdict, activity=busy)
    error = error_of(replace(deployed, proof=run))
    assert error is not None
    assert [finding.where for finding in error.findings] == ["synops on lava"]
