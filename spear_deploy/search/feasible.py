"""Whether a budget can be met at all, and what stands in the way: before the first fine-tuning."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil

from spear_deploy.budgets import Budget
from spear_deploy.errors import BudgetNotMetError, Finding
from spear_deploy.placement import Placement
from spear_deploy.search.cost import SynopsCost
from spear_deploy.search.evaluator import Evaluator
from spear_deploy.search.goal import Goal
from spear_deploy.search.methods import OF_SYNAPSES
from spear_deploy.search.space import Space
from spear_deploy.search.thinning import costs_of
from spear_deploy.targets.narrowing import besides_pruning, is_among

_HOPELESS = 2.0
"""A search is not begun if even the smallest network is predicted to use so many times a budget."""


def check_feasible(evaluator: Evaluator, space: Space, goal: Goal) -> None:
    """Raise :class:`BudgetNotMetError` (E041), with every budget that even the smallest network far exceeds.

    The message gives the floor: the cost of input spikes and of populations that cannot be pruned, which remains
    whatever else is removed; where single synapses are removed, one operation for each input spike.
    """
    cuts_synapses = not evaluator.baseline.measured.lowered.target.counts_zeros
    by_synapses = cuts_synapses and evaluator.options.method in OF_SYNAPSES
    if not space.groups and not (by_synapses and goal.of_activity):
        raise BudgetNotMetError([_nothing_to_prune(evaluator, goal, cuts_synapses=cuts_synapses)])
    spent = _too_active_by_synapses if by_synapses else _too_active
    findings = list(spent(evaluator, space, goal))
    if space.groups:
        smallest, least = map(evaluator.expected_placement, (space.smallest, dict.fromkeys(space.units, 1)))
        findings += _misplaced(smallest, least, space, goal)
    if findings:
        raise BudgetNotMetError(findings)


def _nothing_to_prune(evaluator: Evaluator, goal: Goal, *, cuts_synapses: bool) -> Finding:
    reasons = "; ".join(f"{name}: {reason}" for name, reason in evaluator.groups.frozen.items())
    message = f"the network exceeds the budget and no unit may be pruned ({reasons})"
    missed = [each.resource for each in goal.budgets if not each.allows(goal.judged(each, evaluator.baseline.measured))]
    fix = f"give a larger {' and '.join(resource.option for resource in missed)}"
    if cuts_synapses and goal.of_activity:
        fix += ", or --method synapses, which removes single ones"
    return Finding("E041", ", ".join(resource.name for resource in missed), message, fix)


def _too_active(evaluator: Evaluator, space: Space, goal: Goal) -> Iterator[Finding]:
    """Yield the budgets of activity that the smallest widths are far beyond."""
    for budget in goal.of_activity:
        counts = space.smallest, dict.fromkeys(space.units, 1)
        shares = map(evaluator.predicted_share, counts)
        needed, possible = (goal.predicted(budget, share) or 0.0 for share in shares)
        if needed > _HOPELESS * budget.limit:
            need = f"needs about {needed:,.0f}, the budget is {budget.limit:,.0f}"
            message = f"the smallest network that may be built {need}; {floor_of(evaluator.cost, space)}"
            helps = possible <= _HOPELESS * budget.limit
            yield Finding("E041", budget.resource.name, message, _fix(budget, needed, space, helps=helps))


def _too_active_by_synapses(evaluator: Evaluator, space: Space, goal: Goal) -> Iterator[Finding]:
    """Yield the budgets of activity that one synapse for each operation is far beyond, spikes of inputs alone.

    How few of the others would do, and what pruning makes of their spikes, is not known before they go.
    """
    network, data, execution = evaluator.baseline.network, evaluator.data, evaluator.execution
    share = costs_of(network, data, execution).floor / evaluator.cost.total
    for budget in goal.of_activity:
        needed = goal.predicted(budget, share) or 0.0
        if needed > _HOPELESS * budget.limit:
            message = (
                f"a single synapse of the first layer needs about {needed:,.0f}, the budget is {budget.limit:,.0f}: "
                "no pruning lowers the spikes of the input; fewer or sparser input events would"
            )
            yield Finding("E041", budget.resource.name, message, _fix(budget, needed, space, helps=False))


def _misplaced(smallest: Placement, least: Placement, space: Space, goal: Goal) -> Iterator[Finding]:
    """Yield what keeps the smallest network from the chip, else from the budgets of its placement.

    ``least`` is the placement of the network that has a unit of each group: a lower ratio may build it.
    """
    for obstacle in smallest.findings:
        message = f"the smallest network that may be built does not fit: {obstacle.message}"
        helps = not is_among(obstacle, least.findings)
        fix = f"give {_lower_ratio(space)}" if helps else besides_pruning(obstacle.fix)
        yield Finding("E041", obstacle.where, message, fix)
    for budget in goal.budgets:
        of_placement = budget.resource.of_placement
        if of_placement is None or smallest.findings:  # more of a chip than it has no budget can give
            continue
        needed = of_placement(smallest)
        if not budget.allows(needed):
            message = f"the smallest network that may be built takes {needed:g}, the budget is {budget.limit:g}"
            fix = _fix(budget, needed, space, helps=budget.allows(of_placement(least)))
            yield Finding("E041", budget.resource.name, message, fix)


def _fix(budget: Budget, needed: float, space: Space, *, helps: bool) -> str:
    """Say what would do: more of the budget, or a lower ratio where that ``helps``."""
    fix = f"give a {budget.resource.option} of {ceil(needed)} or more"
    return f"{fix}, or {_lower_ratio(space)}" if helps else fix


def _lower_ratio(space: Space) -> str:
    """Return the option that lets a unit of each group be all that is left."""
    return f"a --lowest-ratio of {1 / max(space.units.values()):.3g}"


def floor_of(cost: SynopsCost, space: Space) -> str:
    """Say where the SynOps of the smallest network come from, the largest part first."""
    parts = []
    for term in cost.terms:
        source = 1.0 if term.source is None else space.smallest[term.source] / space.units[term.source]
        target = 1.0 if term.target is None else space.smallest[term.target] / space.units[term.target]
        parts.append((float(term.sent.sum() * term.share.sum()) * source * target, term))
    amount, largest = max(parts, key=lambda part: part[0])
    origin = "the input, whose spikes no pruning lowers" if largest.source is None else f"group {largest.source!r}"
    return f"{amount:,.0f} of them come from {origin}: fewer or sparser input events would lower them"
