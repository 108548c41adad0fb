"""The verdict on a deployment: each budget with its measurement, and the error with which it ends."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor

from spear_deploy.budgets import Budget
from spear_deploy.deployment.work import Work
from spear_deploy.errors import BudgetNotMetError, Finding, MismatchError, SpearError

_FIX_FLOOR = "allow a lower accuracy, or give a larger budget of SynOps or cores"


@dataclass(frozen=True)
class Row:
    """One budget as measured.

    ``judged`` is the value that decides, from the validation samples: for resources that grow with activity, an upper
    bound that holds on unseen samples with the confidence asked for.  ``measured`` is the value on the test samples,
    and ``least`` its lower bound with the same confidence (None without bounds).  Accuracy is judged on the test
    samples alone.
    """

    budget: Budget
    predicted: float | None
    judged: float
    measured: float
    least: float | None

    @property
    def is_refuted(self) -> bool:
        """Whether the test samples contradict the judgement by more than chance."""
        return self.least is not None and not self.budget.allows(self.least)

    @property
    def within(self) -> bool:
        """Whether the budget is met."""
        return self.budget.allows(self.judged) and not self.is_refuted


def budget_rows(work: Work) -> list[Row]:
    """Return a row for each budget."""
    goal, measured, on_test = work.goal, work.measured, work.on_test
    assert goal is not None
    assert measured is not None
    assert on_test is not None
    rows = []
    for budget in goal.budgets:
        predicted = goal.predicted(budget, work.search.candidate.predicted) if work.search else None
        found, bound = budget.measured(on_test), budget.resource.bound
        judged = found if budget.resource.judges_accuracy else goal.judged(budget, measured)
        least = None if bound is None else bound(on_test.activity, 1 - goal.confidence)
        rows.append(Row(budget, predicted, judged, found, least))
    return rows


def error_of(work: Work) -> SpearError | None:
    """Return the error of a deployment, if any: E06x before E050 before E040."""
    if work.unreachable is not None:
        return work.unreachable
    if work.failure is not None:
        return work.failure
    if work.proof is not None and work.proof.validation.mismatches:
        validation = work.proof.validation
        message = f"{validation.mismatches} of {validation.bins} bins; first at {validation.first_divergence}"
        return MismatchError.of("E050", validation.backend, message, "please report this with the bundle")
    if work.on_test is None:
        return None
    missed = [row for row in budget_rows(work) if not row.within]
    more = "a larger --time-limit" if any(note.code == "E067" for note in work.notes) else "more --effort"
    findings = [
        _finding(row, more, "" if row.budget.resource.judges_accuracy else _at_less_accuracy(work)) for row in missed
    ]
    return BudgetNotMetError(findings) if findings else None


def _at_less_accuracy(work: Work) -> str:
    """Return the compared network that misses only budgets of accuracy, and how to get it delivered."""
    if work.search is None or work.goal is None:
        return ""
    goal = work.goal
    found = []
    for each in work.search.compared:
        missed = [budget for budget in goal.budgets if not budget.allows(goal.judged(budget, each.measured))]
        if missed and all(budget.resource.judges_accuracy for budget in missed):
            found.append((each.measured.val.accuracy, each.option.of, missed, each.measured))
    if not found:
        return ""
    _, name, missed, measured = max(found, key=lambda entry: entry[0])
    needed = " ".join(
        f"{budget.resource.option} {_nearest(budget, goal.judged(budget, measured))}" for budget in missed
    )
    return f"; of those compared {name!r} keeps it, and is too inaccurate on the validation samples: allow {needed}"


def _nearest(budget: Budget, value: float) -> str:
    """Return the strictest limit that allows a value, as text for the command line."""
    digits = budget.resource.digits
    if budget.resource.sense == "at most":
        return _rounded_up(value, digits)
    digits = max(digits, 3)
    return f"{floor(value * 10**digits) / 10**digits:.{digits}f}"


def _finding(row: Row, more: str, otherwise: str) -> Finding:
    resource, limit = row.budget.resource, row.budget.limit
    value = row.measured if row.is_refuted else row.judged
    found, wanted = distinguishable(value, limit, resource.digits)
    where = " at most, on the validation samples"
    if row.is_refuted or resource.bound is None:
        where = "" if resource.of_placement is not None else " on the test samples"
    message = f"measured {found}{where}, the budget is {resource.sense} {wanted} {resource.title}"
    fix = _FIX_FLOOR
    if resource.sense == "at most":
        needed = _rounded_up(max(row.judged, row.measured), resource.digits)
        fix = f"give a {resource.option} of {needed} or more, or {more}"
    return Finding("E040", resource.name, message, f"{fix}{otherwise}", value=value, limit=limit)


def _rounded_up(value: float, digits: int) -> str:
    return f"{ceil(value * 10**digits) / 10**digits:.{digits}f}"  # without commas: it is an argument


def distinguishable(value: float, limit: float, digits: int) -> tuple[str, str]:
    """Return both numbers with enough decimals to show that they differ."""
    for decimals in range(digits, digits + 6):
        shown = f"{value:,.{decimals}f}", f"{limit:,.{decimals}f}"
        if shown[0] != shown[1]:
            break
    return shown
