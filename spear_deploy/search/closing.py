"""The closing fine-tuning: it ends when the validation samples gain nothing and the budgets are met.

It runs in rounds of a quarter, a quarter and half of the batches.  Each round is a whole schedule down to a learning
rate of zero, so that each yields a network that can be delivered; of those within the budgets, the best on the
validation samples is (:func:`~spear_deploy.search.candidate.to_deliver`).

SynOps that the rounds leave above a budget are removed, each time followed by a short round: as units where units were
pruned (least important per SynOp first), as single synapses where synapses were and the chip skips missing ones.
Removal only lowers SynOps, so this terminates.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from spear_deploy.progress import Tick
from spear_deploy.search.candidate import Candidate, gain, press, to_deliver
from spear_deploy.search.evaluator import Evaluator
from spear_deploy.search.goal import Goal
from spear_deploy.search.loss import calibrated_loss
from spear_deploy.search.removal import remove
from spear_deploy.search.space import keep_count
from spear_deploy.search.synapses import has_gaps
from spear_deploy.search.thinning import costs_of, thinned
from spear_deploy.train.config import FinetuneConfig

_ROUNDS = (0.25, 0.25, 0.5)
"""The share of the closing fine-tuning's batches that each round takes."""
_PATIENCE = 2
"""Rounds without improvement on the one before after which the fine-tuning ends."""
_SURE = 1e-3
"""Loss on the validation samples, in nats, below which they cannot show a further gain."""
_ATTEMPTS = 4
"""Short rounds that follow at most while a budget is missed."""
_PRESSED = 1.03
"""Up to this multiple of a budget, fine-tuning alone is used where only whole units could be removed."""


@dataclass(frozen=True, eq=False)
class Closed:
    """The result of the closing fine-tuning.

    ``rising`` is the accuracy (0..1) that the last of all rounds gained on the validation samples, if that is more than
    a standard error; otherwise 0: it has converged, as far as these samples can tell.
    """

    candidate: Candidate
    rising: float = 0.0


def close(candidate: Candidate, evaluator: Evaluator, goal: Goal, rate: float, tick: Tick) -> Closed:
    """Fine-tune on; return the best network within the budgets, or the one that misses them least."""
    if not candidate.option.proposal.tunes:
        return Closed(candidate)
    best, last, rounds, idle, rising = candidate, candidate, list(_rounds(evaluator, rate)), 0, 0.0
    found = [candidate]  # all are compared at once: "alike within a standard error" is not transitive
    for number, config in enumerate(rounds, start=1):
        if goal.is_met(best.measured) and calibrated_loss(best.measured.val) < _SURE:
            break
        before, last = last, press(last, evaluator, goal, config, attempt=number)
        tick(number, len(rounds))
        found.append(last)
        idle = 0 if to_deliver((before, last), goal) is last else idle + 1
        best = to_deliver(found, goal)
        if evaluator.execution.deadline.passed or (idle == _PATIENCE and goal.is_met(best.measured)):
            break
        rising = _gained(before, last) if number == len(rounds) else 0.0
    short = replace(evaluator.options.compare, learning_rate=rate / 2)
    for number in range(len(rounds) + 1, len(rounds) + 1 + _ATTEMPTS):
        if goal.is_met(best.measured) or evaluator.execution.deadline.passed:
            break
        last = press(_trimmed(last, evaluator, goal), evaluator, goal, short, attempt=number)
        tick(number, number + 1)
        found.append(last)
        best = to_deliver(found, goal)
    return Closed(best, rising)


def _gained(before: Candidate, after: Candidate) -> float:
    one, other = before.measured.val, after.measured.val
    return other.accuracy - one.accuracy if gain(other, one) > 1.0 else 0.0


def _rounds(evaluator: Evaluator, rate: float) -> Iterator[FinetuneConfig]:
    finish = evaluator.options.finish
    total = finish.steps(len(evaluator.data.train))
    for share in _ROUNDS:
        yield replace(finish, learning_rate=rate).lasting(max(1, round(total * share)))


def _trimmed(candidate: Candidate, evaluator: Evaluator, goal: Goal) -> Candidate:
    """Remove the SynOps by which a budget of activity is missed."""
    budget = goal.binding(candidate.measured)
    if budget is None:
        return candidate
    use = goal.use(budget, candidate.measured)
    share = evaluator.options.aim / use
    if has_gaps(candidate.option.network) and not candidate.measured.lowered.target.counts_zeros:
        return _thinner(candidate, evaluator, share) if use > 1 else candidate
    return _narrower(candidate, evaluator, share) if use > _PRESSED else candidate


def _thinner(candidate: Candidate, evaluator: Evaluator, share: float) -> Candidate:
    """Reduce the SynOps to this ``share`` by removing single synapses."""
    data, execution, decide = evaluator.data, evaluator.execution, evaluator.options.decide
    costs = costs_of(candidate.measured.network, data, execution)
    left = thinned(costs, share, data, execution, decide=decide)
    return replace(candidate, measured=evaluator.measure(left.network))


def _narrower(candidate: Candidate, evaluator: Evaluator, share: float) -> Candidate:
    """Reduce the SynOps to this ``share`` by removing units, if the candidate was pruned by units."""
    if not candidate.option.kept:
        return candidate
    network = candidate.measured.network
    cost = evaluator.cost_in(network)
    before, whole, lowest = candidate.option.kept, evaluator.cost.units, evaluator.options.lowest_ratio
    fewest = {name: min(units, keep_count(whole.get(name, units), lowest)) for name, units in cost.units.items()}
    left = remove(evaluator.importance_in(network), cost, share * cost.total, fewest)
    kept = {name: np.asarray(before[name])[units].tolist() for name, units in left.items() if name in before}
    option = replace(candidate.option, kept=kept)
    return replace(candidate, option=option, measured=evaluator.measure(evaluator.cut(network, left)))
