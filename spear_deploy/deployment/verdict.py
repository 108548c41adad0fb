"""What a deployment comes to: each budget with its measurement, and the error that keeps it from being done."""

from __future__ import annotations

from dataclasses import dataclass

from spear_deploy.budgets import Budget
from spear_deploy.deployment.work import Work
from spear_deploy.errors import BudgetNotMetError, Finding, MismatchError, SpearError

_FIX = "give a larger budget, more --candidates or --episodes, or allow a lower accuracy"
_FIX_FLOOR = "allow a lower accuracy, or give a larger budget of SynOps or cores"


@dataclass(frozen=True)
class Row:
    """One budget as measured; ``on`` names the backend that measured it, or is empty for the emulator."""

    budget: Budget
    on: str
    predicted: float | None
    measured: float

    @property
    def within(self) -> bool:
        """Whether the measured value keeps the limit."""
        return self.budget.allows(self.measured)


def budget_rows(work: Work) -> list[Row]:
    """Return a row for each budget, and one more for what a backend's own spikes give."""
    goal, measured = work.goal, work.measured
    assert goal is not None
    assert measured is not None
    rows = []
    for budget in goal.budgets:
        predicted = goal.predicted(budget, work.search.candidate.predicted) if work.search else None
        rows.append(Row(budget, "", predicted, budget.measured(measured, goal.baseline)))
        of_activity = budget.resource.of_activity
        if of_activity is not None and work.proof is not None:
            recorded = of_activity(work.proof.activity)
            rows.append(Row(budget, work.proof.validation.backend, predicted, recorded))
    return rows


def error_of(work: Work) -> SpearError | None:
    """Return what keeps a deployment from being done, if anything: E06x before E050 before E040."""
    if work.failure is not None:
        return work.failure
    if work.proof is not None and work.proof.validation.mismatches:
        validation = work.proof.validation
        message = f"{validation.mismatches} of {validation.bins} bins; first at {validation.first_divergence}"
        return MismatchError.of("E050", validation.backend, message, "please report this with the bundle")
    if work.measured is None:
        return None
    findings = [_finding(row) for row in budget_rows(work) if not row.within]
    return BudgetNotMetError(findings) if findings else None


def _finding(row: Row) -> Finding:
    resource, limit = row.budget.resource, row.budget.limit
    name = f"{resource.name} on {row.on}" if row.on else resource.name
    measured, wanted = _distinguishable(row.measured, limit, resource.digits)
    message = f"measured {measured}, the budget is {resource.sense} {wanted} {resource.title}"
    fix = _FIX if resource.sense == "at most" else _FIX_FLOOR
    return Finding("E040", name, message, fix, value=row.measured, limit=limit)


def _distinguishable(value: float, limit: float, digits: int) -> tuple[str, str]:
    """Return both with as many decimals as it takes to see that they differ."""
    for decimals in range(digits, digits + 6):
        shown = f"{value:,.{decimals}f}", f"{limit:,.{decimals}f}"
        if shown[0] != shown[1]:
            break
    return shown
