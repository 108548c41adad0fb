"""Notes of a deployment: what it noticed by itself and a user should know.  They do not stop a delivery."""

from __future__ import annotations

from collections.abc import Sequence
from math import hypot, sqrt

import numpy as np

from spear_deploy.deployment.verdict import budget_rows, distinguishable
from spear_deploy.deployment.work import Work
from spear_deploy.errors import Finding
from spear_deploy.measure.activity import NOTABLE_ERRORS
from spear_deploy.measure.measured import Baseline, Performance
from spear_deploy.search.loop import SearchResult
from spear_deploy.train.finetune import RunAway

_KNOWN = 3.0
"""Standard errors by which validation accuracy exceeds test accuracy if the network seems to know the samples."""


def known_samples(baseline: Baseline) -> tuple[Finding, ...]:
    """Note that the network seems to have been trained on the validation samples (N043).

    A smaller network first loses what was memorised of them, which new samples do not need.
    """
    val, test = baseline.float_val, baseline.float_test
    error = hypot(val.accuracy_error, test.accuracy_error) or 1 / len(test.labels)
    ahead = val.accuracy - test.accuracy
    if ahead <= _KNOWN * error:
        return ()
    message = (
        f"the given network classifies {val.accuracy:.2%} of the validation samples correctly and "
        f"{test.accuracy:.2%} of the test samples, {ahead / error:.1f} standard errors apart: it was probably trained "
        "on them, since they are drawn from the training samples; pruning partly loses what was memorised"
    )
    fix = "give training samples that it has not seen, or a larger --max-drop: the test samples show the real loss"
    return (Finding("N043", "validation samples", message, fix, "note"),)


def shares_taken(work: Work, baseline: Baseline) -> tuple[Finding, ...]:
    """Note which network a percentage refers to, if it makes a difference (N010)."""
    relative = [asked for asked in work.options.budgets if asked.relative and asked.resource.percentage_of is not None]
    if baseline.works_alike or not relative:
        return ()
    options = ", ".join(asked.resource.option for asked in relative)
    message = (
        f"the unpruned network does {baseline.float_val.mean_synops:,.0f} SynOps a sample in float and "
        f"{baseline.chip_val.mean_synops:,.0f} on the chip; the percentage is a share of the former"
    )
    return (Finding("N010", options, message, "give the budget as a number to be independent of both", "note"),)


def noticed_on_test(work: Work) -> tuple[Finding, ...]:
    """Return the notes on the deployed network's test samples (N024, N045)."""
    assert work.on_test is not None
    return (*at_chance(work.on_test), *beyond_on_test(work))


def at_chance(on_test: Performance) -> tuple[Finding, ...]:
    """Note that a network is no more accurate than guessing (N045).

    Guessing means always the most common class, or all classes with equal probability, whichever is better.  A network
    that does better and whose answers follow the classes is not noted: where one class has most samples, little is left
    to gain.
    """
    activity = on_test.activity
    labels, classes = activity.labels, activity.scores.shape[1]
    counts = np.bincount(labels)
    if np.count_nonzero(counts) < 2:
        return ()
    commonest = float(counts.max()) / len(labels)
    chance = max(commonest, 1 / classes)
    error = sqrt(chance * (1 - chance) / len(labels))
    is_ahead = activity.accuracy > chance
    if is_ahead and (activity.accuracy > chance + NOTABLE_ERRORS * error or activity.tells_apart > NOTABLE_ERRORS):
        return ()
    verdict = "too few to tell this from guessing" if is_ahead else "guessing does as well"
    message = (
        f"{activity.accuracy:.2%} of {len(labels)} test samples are classified correctly; the most common class is "
        f"{commonest:.2%} of them, and one of {classes} at random {1 / classes:.2%}: {verdict}, within "
        f"{NOTABLE_ERRORS:g} standard errors of {error:.2%}; the given network: {on_test.in_float.accuracy:.2%}"
    )
    fix = "check --semantics, --decide and the labels; if the given network did better, give a larger budget"
    return (Finding("N045", "accuracy", message, fix, "note"),)


def beyond_on_test(work: Work) -> tuple[Finding, ...]:
    """Note the budgets whose bound is met while the test samples are slightly above (N024)."""
    findings = []
    for row in budget_rows(work):
        if row.within and not row.budget.allows(row.measured):
            measured, limit = distinguishable(row.measured, row.budget.limit, row.budget.resource.digits)
            message = f"measured {measured} on the test samples, the budget is {limit}: within chance for their number"
            fix = "give a higher --confidence, or more validation samples"
            findings.append(Finding("N024", row.budget.resource.name, message, fix, "note"))
    return tuple(findings)


def ended_by_time(work: Work) -> tuple[Finding, ...]:
    """Note that the time limit ended the search (E067), and how far it got."""
    assert work.search is not None
    steps = work.search.candidate.batches(len(work.data.train))
    message = (
        f"the search was ended after {work.options.time_limit:g} s: networks judged: {work.search.episodes}, measured: "
        f"{len(work.search.compared)}; batches that the best of them was fine-tuned for: {steps}"
    )
    fix = "give a larger --time-limit and --resume to continue from here"
    return (Finding("E067", "--time-limit", message, fix, "note"),)


def from_scratch(search: SearchResult, asked: str) -> tuple[Finding, ...]:
    """Note that the delivered network keeps none of the given weights (N047), unless that method was ``asked`` for."""
    option = search.candidate.option
    if not option.proposal.untrained or option.of == asked:
        return ()
    own = [each for each in search.compared if not each.option.proposal.untrained]
    message = (
        "the delivered network has uniform widths and new weights, trained from scratch: what pruning left of "
        "the network's own weights was no better"
    )
    if own:
        name, best = max(((each.option.of, each.measured.val.accuracy) for each in own), key=lambda entry: entry[1])
        message += f" ({name!r}: {best:.2%} of the validation samples after the comparison)"
    fix = "give a larger budget, or another --method, to keep the network's own weights"
    return (Finding("N047", "weights", message, fix, "note"),)


def still_rising(rising: float) -> tuple[Finding, ...]:
    """Note that accuracy was still rising when the closing fine-tuning ended (N046)."""
    if rising <= 0:
        return ()
    message = (
        f"accuracy on the validation samples still rose by {100 * rising:.1f} points in the last round of fine-tuning, "
        "more than a standard error"
    )
    fix = "give more --effort, or train the network itself for longer"
    return (Finding("N046", "fine-tuning", message, fix, "note"),)


def run_aways(found: Sequence[RunAway]) -> tuple[Finding, ...]:
    """Note how often fine-tuning ran away (N044), and how far at worst."""
    if not found:
        return ()
    worst = max(found, key=lambda each: float("inf") if each.spent is None else each.spent / (each.allowed or 1.0))
    times = "once" if len(found) == 1 else f"{len(found)} times, most"
    message = f"a training ran away {times} {worst}; it was restarted at a quarter of the rate, or given up"
    fix = "lower weights within loops, or train the network with a bound on its spikes"
    return (Finding("N044", "fine-tuning", message, fix, "note"),)
