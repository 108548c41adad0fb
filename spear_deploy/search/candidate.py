"""A network that the search chose: fine-tuned, measured, and pressed into its budgets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

from spear_deploy.measure.measured import Measured
from spear_deploy.network import Network
from spear_deploy.progress import Progress, Tick
from spear_deploy.search.evaluator import Evaluator, Probe, Tuning
from spear_deploy.search.goal import Goal
from spear_deploy.search.methods import Proposal

_CLOSING_ATTEMPTS = 3
_GIVE_UP_RATIO = 1.5
"""A network that uses more than so many times a budget after the short fine-tuning is given up."""


@dataclass(frozen=True, eq=False)
class Candidate:
    """A network that was chosen by the search, fine-tuned and measured.

    ``predicted`` is the share of the unpruned network's SynOps that LRE expected; ``pruned_accuracy`` its accuracy
    on a part of the validation samples before fine-tuning.  ``tunings`` are those that it went through, in order.
    """

    proposal: Proposal
    kept: Mapping[str, list[int]]
    predicted: float
    pruned_accuracy: float
    measured: Measured
    tunings: tuple[Tuning, ...]


def close(candidate: Candidate, evaluator: Evaluator, goal: Goal, progress: Progress) -> Candidate:
    """Fine-tune a candidate and press it until it meets the goal, or the attempts are used up.

    Where no budget is one of activity there is nothing to press: it is fine-tuned once.
    """
    binding = goal.binding(candidate.measured)
    if binding is None:
        tuning = evaluator.closing(0)
        return _finetuned(candidate, tuning, evaluator, progress, partial(evaluator.finish, candidate.measured))
    if goal.use(binding, candidate.measured) > _GIVE_UP_RATIO:
        return candidate
    for attempt in range(_CLOSING_ATTEMPTS):
        press = partial(evaluator.press, binding, candidate.measured, attempt)
        candidate = _finetuned(candidate, evaluator.closing(attempt), evaluator, progress, press)
        if goal.is_met(candidate.measured):
            break
        binding = goal.binding(candidate.measured) or binding
    return candidate


def _finetuned(
    candidate: Candidate, tuning: Tuning, evaluator: Evaluator, progress: Progress, tune: Callable[[Tick], Network]
) -> Candidate:
    with progress.step("fine-tune") as tick:
        network = tune(tick)
    with progress.step("measure") as tick:
        measured = evaluator.measure(network, tick)
        return replace(candidate, measured=measured, tunings=(*candidate.tunings, tuning))


def candidate_of(
    proposal: Proposal, probe: Probe, predicted: float, evaluator: Evaluator, progress: Progress
) -> Candidate:
    """Measure a network that was fine-tuned briefly."""
    kept = {} if proposal.network else {n: units.tolist() for n, units in evaluator.kept_units(proposal.counts).items()}
    with progress.step("measure") as tick:
        measured = evaluator.measure_probe(probe, tick)
    accuracy = evaluator.outcome(proposal).accuracy
    return Candidate(proposal, kept, predicted, accuracy, measured, (evaluator.first_tuning,))
