"""Feasibility of the budgets, checked before the first fine-tuning."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil

from spear_deploy.budgets import Budget
from spear_deploy.errors import BudgetNotMetError, Finding
from spear_deploy.placement import Placement
from spear_deploy.search.cost import SynopsCost
from spear_deploy.search.evaluator import Evaluator
from spear_deploy.search.goal import Goal
from spear_deploy.search.methods import OF_SYNAPSES, Proposal
from spear_deploy.search.space import Space
from spear_deploy.targets.narrowing import besides_pruning, is_among

_HOPELESS = 2.0
"""A search is refused if even the smallest network is predicted to use this multiple of a budget."""


def check_feasible(evaluator: Evaluator, space: Space, goal: Goal) -> None:
    """Raise :class:`BudgetNotMetError` (E041) with every budget that even the smallest network far exceeds.

    The message gives the floor: the cost of input spikes and of populations that cannot be pruned, which remains
    whatever else is removed.
    """
    if not space.groups:
        synapses_help = bool(goal.of_activity) and not evaluator.baseline.measured.lowered.target.counts_zeros
        if synapses_help and evaluator.options.method in OF_SYNAPSES:
            return  # how few synapses are enough is only known after removing them
        reasons = "; ".join(f"{name}: {reason}" for name, reason in evaluator.groups.frozen.items())
        message = f"the network exceeds the budget and no unit may be pruned ({reasons})"
        missed = [
            each.resource for each in goal.budgets if not each.allows(goal.judged(each, evaluator.baseline.measured))
        ]
        fix = f"give a larger {' and '.join(resource.option for resource in missed)}"
        if synapses_help:
            fix += ", or --method synapses, which removes single ones"
        raise BudgetNotMetError.of("E041", ", ".join(resource.name for resource in missed), message, fix)
    smallest, least = space.smallest, dict.fromkeys(space.units, 1)
    findings = []
    for budget in goal.of_activity:
        shares = (evaluator.outcome(Proposal(counts)).synops for counts in (smallest, least))
        needed, possible = (goal.predicted(budget, share) or 0.0 for share in shares)
        if needed > _HOPELESS * budget.limit:
            need = f"needs about {needed:,.0f}, the budget is {budget.limit:,.0f}"
            message = f"the smallest network that may be built {need}; {floor_of(evaluator.cost, space)}"
            helps = possible <= _HOPELESS * budget.limit
            findings.append(Finding("E041", budget.resource.name, message, _fix(budget, needed, space, helps=helps)))
    placed = evaluator.expected_placement(smallest), evaluator.expected_placement(least)
    findings += _misplaced(*placed, space, goal)
    if findings:
        raise BudgetNotMetError(findings)


def _misplaced(smallest: Placement, least: Placement, space: Space, goal: Goal) -> Iterator[Finding]:
    """Yield why the smallest network does not fit the chip, or else exceeds budgets of its placement.

    ``least`` is the placement of the network with one unit per group, which a lower ratio would allow.
    """
    for obstacle in smallest.findings:
        message = f"the smallest network that may be built does not fit: {obstacle.message}"
        helps = not is_among(obstacle, least.findings)
        fix = f"give {_lower_ratio(space)}" if helps else besides_pruning(obstacle.fix)
        yield Finding("E041", obstacle.where, message, fix)
    for budget in goal.budgets:
        of_placement = budget.resource.of_placement
        if of_placement is None or smallest.findings:  # no budget can give more of a chip than it has
            continue
        needed = of_placement(smallest)
        if not budget.allows(needed):
            message = f"the smallest network that may be built takes {needed:g}, the budget is {budget.limit:g}"
            fix = _fix(budget, needed, space, helps=budget.allows(of_placement(least)))
            yield Finding("E041", budget.resource.name, message, fix)


def _fix(budget: Budget, needed: float, space: Space, *, helps: bool) -> str:
    """Return the fix: a larger budget, or a lower ratio where that ``helps``."""
    return f"give a {budget.resource.option} of {ceil(needed)} or more" + f", or {_lower_ratio(space)}" * helps


def _lower_ratio(space: Space) -> str:
    """Return the option with which a single unit per group may be left."""
    return f"a --lowest-ratio of {1 / max(space.units.values()):.3g}"


def floor_of(cost: SynopsCost, space: Space) -> str:
    """Say where most of the smallest network's SynOps come from."""
    parts = []
    for term in cost.terms:
        source = 1.0 if term.source is None else space.smallest[term.source] / space.units[term.source]
        target = 1.0 if term.target is None else space.smallest[term.target] / space.units[term.target]
        parts.append((float(term.sent.sum() * term.share.sum()) * source * target, term))
    amount, largest = max(parts, key=lambda part: part[0])
    origin = "the input, whose spikes no pruning lowers" if largest.source is None else f"group {largest.source!r}"
    return f"{amount:,.0f} of them come from {origin}: fewer or sparser input events would lower them"
