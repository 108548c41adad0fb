"""The closing fine-tuning: it ends when the validation samples gain nothing, and presses until the budgets are kept.

It runs in rounds, each a whole schedule down to a rate of zero, so that each yields a network that can be delivered: of
a quarter, a quarter and half of all that may be spent.  Of those within the budgets the one that is best on the
validation samples is delivered (:func:`~spear_deploy.search.candidate.to_deliver`).

What the rounds leave above a budget is not pressed out of the weights for ever: it is removed, and a short round
follows.  Units go where units were pruned, least important for what they save first; where single synapses were, and
the chip spends nothing on those that are gone, synapses go.  Removal only lowers SynOps, so that this ends.
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
"""What each round may spend of the whole closing fine-tuning."""
_PATIENCE = 2
"""Rounds, each no better than the one before, after which it ends."""
_SURE = 1e-3
"""Loss on the validation samples, in nats, below which they cannot tell what is gained."""
_ATTEMPTS = 4
"""Short rounds that follow while a budget is missed."""
_PRESSED = 1.03
"""What is so little above its budget is pressed, where only whole units could go."""


@dataclass(frozen=True, eq=False)
class Closed:
    """The network that the closing fine-tuning ended with.

    ``rising`` is what its last round added to the accuracy on the validation samples, 0..1, where all rounds were run
    and it added more than a standard error; 0 elsewhere: it has converged, as far as these samples tell.
    """

    candidate: Candidate
    rising: float = 0.0


def close(candidate: Candidate, evaluator: Evaluator, goal: Goal, rate: float, tick: Tick) -> Closed:
    """Return the best network within the budgets that further fine-tuning gives, or the one that misses them least."""
    if not candidate.option.proposal.tunes:
        return Closed(candidate)
    best, last, rounds, idle, rising = candidate, candidate, list(_rounds(evaluator, rate)), 0, 0.0
    found = [candidate]  # all of them are compared at once: alike within an error is no order
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
    """Remove what a budget of activity is missed by."""
    budget = goal.binding(candidate.measured)
    if budget is None:
        return candidate
    use = goal.use(budget, candidate.measured)
    share = evaluator.options.aim / use
    if has_gaps(candidate.option.network) and not candidate.measured.lowered.target.counts_zeros:
        return _thinner(candidate, evaluator, share) if use > 1 else candidate
    return _narrower(candidate, evaluator, share) if use > _PRESSED else candidate


def _thinner(candidate: Candidate, evaluator: Evaluator, share: float) -> Candidate:
    """Leave this ``share`` of the SynOps by removing single synapses."""
    data, execution, decide = evaluator.data, evaluator.execution, evaluator.options.decide
    costs = costs_of(candidate.measured.network, data, execution)
    left = thinned(costs, share, data, execution, decide=decide)
    return replace(candidate, measured=evaluator.measure(left.network))


def _narrower(candidate: Candidate, evaluator: Evaluator, share: float) -> Candidate:
    """Leave this ``share`` of the SynOps by removing units; what was pruned otherwise stays as its method made it."""
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
