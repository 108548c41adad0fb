"""Candidates: networks that the search may deliver, fine-tuned and measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import sqrt

from spear_deploy.measure.activity import Activity
from spear_deploy.measure.measured import Measured
from spear_deploy.network import Network
from spear_deploy.search.evaluator import Evaluator
from spear_deploy.search.goal import Goal
from spear_deploy.search.loss import calibrated_loss
from spear_deploy.search.methods import Outcome, Proposal
from spear_deploy.train.config import FinetuneConfig


@dataclass(frozen=True, eq=False)
class Option:
    """A network that may become a candidate, before it is fine-tuned.

    ``of`` names its origin: the method, or one of the options compared with it.  ``predicted`` is the share of the
    unpruned network's SynOps that LRE expects; ``steps`` are the batches it has already been trained for.
    """

    of: str
    proposal: Proposal
    network: Network
    kept: Mapping[str, list[int]]
    outcome: Outcome
    predicted: float
    steps: int = 0


@dataclass(frozen=True, eq=False)
class Candidate:
    """An option after fine-tuning, measured; ``tunings`` are its fine-tunings in order.

    A candidate that is ``given_up`` is reported but never delivered: untrained weights that have hardly learnt anything
    may meet a budget simply because they hardly fire.
    """

    option: Option
    measured: Measured
    multiplier: float
    tunings: tuple[FinetuneConfig, ...]
    given_up: bool = False

    @property
    def predicted(self) -> float:
        """The share of the unpruned network's SynOps that LRE expected."""
        return self.option.predicted

    def batches(self, samples: int) -> int:
        """Return the batches it was fine-tuned for, on a split of so many samples."""
        return sum(config.steps(samples) for config in self.tunings)


def best_of(candidates: Sequence[Candidate], goal: Goal, of: str) -> Candidate:
    """Return the candidate for the closing fine-tuning: the most accurate of those that can still meet the budgets.

    Untrained weights take precedence if they are within two standard errors of the most accurate: they have learnt in a
    few batches what the others had a whole training for, and go on learning.  Otherwise accuracies within one standard
    error of each other say little after so brief a fine-tuning.  Among such candidates those ``of`` the method asked
    for take precedence; among these, the one with the fewest SynOps if that saves noticeably, or else the one with the
    least loss.
    """
    candidates = [each for each in candidates if goal.fits(each.measured.lowered.placement)] or candidates
    nearest = min(goal.excess(each.measured) for each in candidates)
    within = [each for each in candidates if goal.excess(each.measured) <= max(_REACHABLE, nearest)]
    alike = _most_accurate(within)
    if new := [each for each in _most_accurate(within, _LEARNING) if each.option.proposal.untrained]:
        alike = _most_accurate(new)
    else:
        alike = [each for each in alike if each.option.of == of] or alike
    leanest = min(alike, key=lambda each: each.measured.val.mean_synops)
    surest = min(alike, key=lambda each: calibrated_loss(each.measured.val))
    saves = leanest.measured.val.mean_synops <= _SAVING * surest.measured.val.mean_synops
    return leanest if saves else surest


def to_deliver(candidates: Sequence[Candidate], goal: Goal) -> Candidate:
    """Return the candidate to deliver: the most accurate of those that meet the goal, or else miss it least.

    Among accuracies within a standard error the least loss decides, which still changes where the accuracy on a few
    hundred samples stands still or moves by chance.
    """

    def missed(each: Candidate) -> tuple[bool, float]:
        return not goal.is_met(each.measured), goal.excess(each.measured)

    least = min(missed(each) for each in candidates)
    alike = _most_accurate([each for each in candidates if missed(each) == least])
    return min(alike, key=lambda each: calibrated_loss(each.measured.val))


def _most_accurate(candidates: Sequence[Candidate], errors: float = 1.0) -> list[Candidate]:
    """Return the most accurate candidates: the best one, and those within so many standard ``errors`` of it."""
    best = max(candidates, key=lambda each: each.measured.val.accuracy)
    return [each for each in candidates if gain(best.measured.val, each.measured.val) <= errors]


_LEARNING = 2.0
"""Standard errors by which untrained weights may be behind, and still be what learns best."""
_SAVING = 0.95
"""A network with less than this share of another's SynOps is preferred: fine-tuning changes less than that."""
_REACHABLE = 0.25
"""An excess over the budgets that fine-tuning can remove while the accuracy stays meaningful."""


def gain(one: Activity, other: Activity) -> float:
    """Return the difference of two accuracies in standard errors (McNemar)."""
    better = int((one.correct & ~other.correct).sum())
    worse = int((other.correct & ~one.correct).sum())
    return (better - worse) / max(1.0, sqrt(better + worse))


def start(option: Option, evaluator: Evaluator, goal: Goal, config: FinetuneConfig) -> Candidate:
    """Fine-tune an option for the comparison; one without ``tunes`` is measured as it is."""
    measured = evaluator.measure(option.network)
    if not option.proposal.tunes:
        return Candidate(option, measured, 0.0, ())
    before = (config.lasting(option.steps),) if option.steps else ()
    return press(Candidate(option, measured, 0.0, before), evaluator, goal, config, attempt=0)


def press(candidate: Candidate, evaluator: Evaluator, goal: Goal, config: FinetuneConfig, attempt: int) -> Candidate:
    """Fine-tune on, pressing the SynOps towards the budget that is used most; the multiplier is carried over.

    Where no budget is one of activity there is nothing to press towards.  One that decides more validation samples
    correctly than the unpruned network, by more than a standard error, is no longer distilled from it.  After the
    deadline nothing is done.
    """
    if evaluator.execution.deadline.passed:
        return candidate
    measured, budget, target = candidate.measured, goal.binding(candidate.measured), None
    if budget is not None:
        # What the budget judges grows as SynOps in training do: in this proportion, as measured last.
        proportion = evaluator.measure_in_training(measured) / goal.judged(budget, measured)
        target = evaluator.options.aim * budget.limit * proportion
    if gain(measured.val, evaluator.baseline.float_val) > 1.0:
        config = replace(config, distillation=0.0)
    tuned = evaluator.tune(measured.network, config, seed=attempt, target=target, multiplier=candidate.multiplier)
    return replace(
        candidate,
        measured=evaluator.measure(tuned.network),
        multiplier=tuned.multiplier,
        tunings=(*candidate.tunings, config if tuned.cut_at is None else replace(config, max_steps=tuned.cut_at)),
    )
