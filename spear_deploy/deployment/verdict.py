"""The verdict on a deployment: each budget with its measurement, and the error that it ends with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, sqrt

import numpy as np

from spear_deploy.budgets import Budget
from spear_deploy.deployment.work import Work
from spear_deploy.errors import BudgetNotMetError, Finding, MismatchError, SpearError
from spear_deploy.measure.activity import NOTABLE_ERRORS
from spear_deploy.measure.measured import Performance
from spear_deploy.search.loop import SearchResult
from spear_deploy.train.finetune import RunAway

_FIX_FLOOR = "allow a lower accuracy, or give a larger budget of SynOps or cores"


@dataclass(frozen=True)
class Row:
    """One budget as measured.

    ``judged`` is what decides, on the validation samples: for what grows with activity, the value that samples not seen
    stay below with the confidence asked for.  ``measured`` is what was then measured on the test samples, and ``least``
    what these leave the value above with the same confidence (None without such bounds).  Accuracy is judged on the
    test samples alone.
    """

    budget: Budget
    predicted: float | None
    judged: float
    measured: float
    least: float | None

    @property
    def is_refuted(self) -> bool:
        """Whether the test samples contradict the promise, beyond what their number explains."""
        return self.least is not None and not self.budget.allows(self.least)

    @property
    def within(self) -> bool:
        """Whether the limit is kept."""
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


def noticed_on_test(work: Work) -> tuple[Finding, ...]:
    """Return what the test samples of the deployed network show that a user should know (N024, N045)."""
    assert work.on_test is not None
    return (*at_chance(work.on_test), *beyond_on_test(work))


def at_chance(on_test: Performance) -> tuple[Finding, ...]:
    """Note that a network decides no more samples correctly than guessing would (N045).

    Guessing is the better of one class alone, the commonest, and of any class with the same probability.
    """
    activity = on_test.activity
    labels, classes = activity.labels, activity.scores.shape[1]
    counts = np.bincount(labels)
    if np.count_nonzero(counts) < 2:
        return ()
    commonest = float(counts.max()) / len(labels)
    chance = max(commonest, 1 / classes)
    error = sqrt(chance * (1 - chance) / len(labels))
    if activity.accuracy > chance + NOTABLE_ERRORS * error:
        return ()
    message = (
        f"{activity.accuracy:.2%} of {len(labels)} test samples are answered rightly; the commonest class is "
        f"{commonest:.2%} of them, and one of {classes} by lot {1 / classes:.2%}: that is chance, within "
        f"{NOTABLE_ERRORS:g} standard errors of {error:.2%}; the network as it came in: {on_test.in_float.accuracy:.2%}"
    )
    fix = "look at --semantics, --decide and the labels; where it did better as it came in, give a larger budget"
    return (Finding("N045", "accuracy", message, fix, "note"),)


def beyond_on_test(work: Work) -> tuple[Finding, ...]:
    """Note which budgets are met by their bound while the test samples are a little above (N024)."""
    findings = []
    for row in budget_rows(work):
        if row.within and not row.budget.allows(row.measured):
            measured, limit = _distinguishable(row.measured, row.budget.limit, row.budget.resource.digits)
            message = (
                f"measured {measured} on the test samples, the budget is {limit}: no more than chance, by their number"
            )
            fix = "give a higher --confidence, or more validation samples"
            findings.append(Finding("N024", row.budget.resource.name, message, fix, "note"))
    return tuple(findings)


def ended_by_time(work: Work) -> tuple[Finding, ...]:
    """Note that a time limit ended the search (E067), and how far it got."""
    assert work.search is not None
    steps = sum(config.steps(len(work.data.train)) for config in work.search.candidate.tunings)
    message = (
        f"the search was ended after {work.options.time_limit:g} s: networks judged: {work.search.episodes}, measured: "
        f"{len(work.search.compared)}; batches that the best of them was fine-tuned for: {steps}"
    )
    fix = "give a larger --time-limit and --resume, which goes on from here"
    return (Finding("E067", "--time-limit", message, fix, "note"),)


def from_scratch(search: SearchResult, asked: str) -> tuple[Finding, ...]:
    """Report that the delivered network keeps none of the weights that were given (N047), unless that was ``asked``."""
    option = search.candidate.option
    if not option.proposal.untrained or option.of == asked:
        return ()
    own = [each for each in search.compared if not each.option.proposal.untrained]
    message = (
        "the delivered network has uniform widths and weights drawn anew, trained from scratch: what pruning left of "
        "the network's own weights did no better"
    )
    if own:
        name, best = max(((each.option.of, each.measured.val.accuracy) for each in own), key=lambda entry: entry[1])
        message += f" ({name!r}: {best:.2%} of the validation samples after the comparison)"
    fix = "give a larger budget, or another --method, to keep the network's own weights"
    return (Finding("N047", "weights", message, fix, "note"),)


def still_rising(rising: float) -> tuple[Finding, ...]:
    """Say that the closing fine-tuning ended while accuracy was still rising on the validation samples (N046)."""
    if rising <= 0:
        return ()
    message = (
        f"accuracy on the validation samples still rose by {100 * rising:.1f} points in the last round of fine-tuning, "
        "more than a standard error"
    )
    fix = "give more --effort, or train the network itself for longer"
    return (Finding("N046", "fine-tuning", message, fix, "note"),)


def run_aways(found: Sequence[RunAway]) -> tuple[Finding, ...]:
    """Note how often fine-tuning ran away (N044), and by how much at most."""
    if not found:
        return ()
    worst = max(found, key=lambda each: float("inf") if each.spent is None else each.spent / (each.allowed or 1.0))
    times = "once" if len(found) == 1 else f"{len(found)} times, most"
    message = f"a training ran away {times} {worst}; it was begun anew at a quarter of the rate, or given up"
    fix = "lower weights within loops, or train the network with a bound on its spikes"
    return (Finding("N044", "fine-tuning", message, fix, "note"),)


def error_of(work: Work) -> SpearError | None:
    """Return what keeps a deployment from being done, if anything: E06x before E050 before E040."""
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
    """Return which compared network meets all budgets but those of accuracy, and how to get it delivered."""
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
    """Return the strictest limit that allows a value, as an argument."""
    digits = budget.resource.digits
    if budget.resource.sense == "at most":
        return _rounded_up(value, digits)
    digits = max(digits, 3)
    return f"{floor(value * 10**digits) / 10**digits:.{digits}f}"


def _finding(row: Row, more: str, otherwise: str) -> Finding:
    resource, limit = row.budget.resource, row.budget.limit
    value = row.measured if row.is_refuted else row.judged
    found, wanted = _distinguishable(value, limit, resource.digits)
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


def _distinguishable(value: float, limit: float, digits: int) -> tuple[str, str]:
    """Return both with as many decimals as it takes to see that they differ."""
    for decimals in range(digits, digits + 6):
        shown = f"{value:,.{decimals}f}", f"{limit:,.{decimals}f}"
        if shown[0] != shown[1]:
            break
    return shown
