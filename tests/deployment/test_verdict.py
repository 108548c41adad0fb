"""What a deployment comes to: its rows of budgets, and the error that keeps it from being done."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from spear_deploy.budgets import Budget
from spear_deploy.budgets.accuracy import DROP
from spear_deploy.budgets.synops import MEAN
from spear_deploy.deployment.notes import at_chance, beyond_on_test
from spear_deploy.deployment.verdict import budget_rows, error_of
from spear_deploy.deployment.work import Work
from spear_deploy.errors import BudgetNotMetError, Finding
from spear_deploy.measure.measured import Performance
from spear_deploy.search.goal import Goal


def test_within_budget(deployed: Work) -> None:
    """The measured SynOps and cores are within their limits, and nothing is wrong."""
    assert error_of(deployed) is None
    synops, cores = budget_rows(deployed)
    assert synops.budget.resource.name == "synops"
    assert synops.measured <= synops.budget.limit == pytest.approx(0.6 * deployed.baseline.chip_val.mean_synops)
    assert cores.measured == deployed.measured.lowered.placement.cores
    assert synops.within
    assert cores.within


def test_measured_beyond_the_budget(deployed: Work) -> None:
    """A measurement beyond a limit is E040 for that resource; a mismatch on the backend comes before it."""
    tight = tuple(replace(budget, limit=1) for budget in deployed.goal.budgets)
    beyond = replace(deployed, goal=Goal(tight, deployed.baseline))
    missed = error_of(beyond)
    assert "or more --effort" in missed.findings[0].fix
    ended = replace(beyond, notes=(*beyond.notes, Finding("E067", "--time-limit", "ended", severity="note")))
    assert "or a larger --time-limit" in error_of(ended).findings[0].fix
    assert isinstance(missed, BudgetNotMetError)
    assert [(f.code, f.where) for f in missed.findings] == [("E040", "synops"), ("E040", "cores")]
    verdict = SimpleNamespace(mismatches=2, bins=10, first_divergence="sample 0, step 3", backend="lava")
    wrong: Any = SimpleNamespace(validation=verdict, activity=deployed.on_test.activity)
    error = error_of(replace(beyond, proof=wrong))
    assert error is not None
    assert (error.findings[0].code, error.exit_code) == ("E050", 5)
    assert "2 of 10 bins" in error.findings[0].message


def test_what_keeps_the_budget_at_less_accuracy_is_named(deployed: Work) -> None:
    """Where one of the comparison keeps all but its accuracy, the fix says which, and the budget that allows it."""
    assert deployed.search is not None
    compared, baseline = deployed.search.compared, deployed.baseline
    mean, drop = Budget(MEAN, 1.0), Budget(DROP, 1.0)
    spent = {each.option.of: mean.judged(baseline.on_val(each.measured), 0.95) for each in compared}
    leanest = min(compared, key=lambda each: spent[each.option.of])
    busiest = max(compared, key=lambda each: spent[each.option.of])
    assert spent[leanest.option.of] < spent[busiest.option.of]
    lost = drop.judged(baseline.on_val(leanest.measured), 0.95)
    limits = (replace(mean, limit=spent[leanest.option.of]), replace(drop, limit=lost - 1))
    on_test = baseline.on_test(busiest.measured.lowered, busiest.measured.val)
    beyond = replace(deployed, measured=busiest.measured, on_test=on_test, goal=Goal(limits, baseline))
    error = error_of(beyond)
    assert error is not None
    of_synops = next(finding for finding in error.findings if finding.where == "synops")
    assert f"of those compared {leanest.option.of!r} keeps it" in of_synops.fix
    allowed = float(of_synops.fix.rsplit("--max-drop ", 1)[1])
    assert lost <= allowed < lost + 0.01
    least = int(of_synops.fix.split("--synops of ")[1].split()[0])
    assert 0 <= least - spent[busiest.option.of] < 1


def promised(deployed: Work, *, bound: float, on_test: list[int]) -> Work:
    """The deployment with other SynOps: what unseen samples stay below, and those of each test sample."""
    synops = np.array(on_test)
    activity: Any = SimpleNamespace(total=synops, mean_synops=float(synops.mean()), accuracy=1.0)

    def of(seen: Any, level: float) -> float:
        return MEAN.bound(seen, level) if seen is activity else bound

    budget = Budget(replace(MEAN, bound=of), 100)
    work = replace(deployed, goal=Goal((budget,), deployed.baseline), search=None)
    return replace(work, on_test=Performance(deployed.measured.lowered, activity, activity))


def test_the_bound_decides(deployed: Work) -> None:
    """What samples not seen may reach has to be within the limit, even where the test samples are."""
    assert error_of(promised(deployed, bound=99, on_test=[90] * 20)) is None
    error = error_of(promised(deployed, bound=101, on_test=[90] * 20))
    assert error is not None
    assert "measured 101 at most, on the validation samples, the budget is at most 100" in str(error)


def test_chance_on_the_test_samples_is_told(deployed: Work) -> None:
    """A mean a little above the limit is a note where the samples' spread explains it, and E040 where it does not."""
    little = promised(deployed, bound=99, on_test=[80, 122] * 20)
    assert error_of(little) is None
    assert [finding.code for finding in beyond_on_test(little)] == ["N024"]
    error = error_of(promised(deployed, bound=99, on_test=[110, 112] * 20))
    assert error is not None
    assert [finding.code for finding in error.findings] == ["E040"]
    assert "measured 111 on the test samples" in str(error)


@pytest.mark.parametrize(
    ("right", "labels", "told"),
    [
        (33, [0, 1, 2], True),
        (43, [0, 1, 2], True),  # 1/3 and two standard errors of 4.7 points are 42.8 %
        (44, [0, 1, 2], False),
        (80, [0, 0, 0, 1, 0], True),
        (90, [0, 0, 0, 1, 0], False),
        (10, [0, 1, 2], True),
        (0, [0], False),  # of one class there is nothing to be wrong about
        (100, [0] * 49 + [1], False),  # 98 % are of one class: two of the other are found, and nothing else
        (98, [0] * 48 + [1, 0], True),  # one of two is found, and another taken for it: no more than of one class
    ],
)
def test_accuracy_at_chance(right: int, labels: list[int], told: bool, deployed: Work) -> None:
    """N045 with what guessing gives, by lot or by the commonest class, and the error of that."""
    wanted = np.resize(labels, 101 if right in (43, 44) else 100)
    scores = np.zeros((len(wanted), 3))
    answered = np.where(np.arange(len(wanted)) < right, wanted, (wanted + 1) % 3)
    scores[np.arange(len(wanted)), answered] = 1
    activity = replace(deployed.on_test.activity, scores=scores, labels=wanted)
    found = at_chance(replace(deployed.on_test, activity=activity))
    assert [each.code for each in found] == ["N045"] * told
    if told:
        assert f"of {len(wanted)} test samples are classified correctly" in found[0].message
