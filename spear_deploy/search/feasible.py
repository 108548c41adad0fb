"""Whether a budget can be met at all, and what stands in the way: before the first fine-tuning."""

from __future__ import annotations

from spear_deploy.errors import BudgetNotMetError
from spear_deploy.search.cost import SynopsCost
from spear_deploy.search.evaluator import Evaluator
from spear_deploy.search.goal import Goal
from spear_deploy.search.methods import Proposal
from spear_deploy.search.space import Space

_HOPELESS = 2.0
"""A search is not begun if even the smallest network is predicted to use so many times a budget."""


def check_feasible(evaluator: Evaluator, space: Space, goal: Goal) -> None:
    """Raise :class:`BudgetNotMetError` (E041) if even the smallest network is far beyond a budget.

    The message gives the floor: what the inputs' spikes and the populations that are never pruned cost whatever is
    removed elsewhere.
    """
    if not space.groups:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in evaluator.groups.frozen.items())
        message = f"the network exceeds the budget and no unit may be pruned ({reasons})"
        raise BudgetNotMetError.of("E041", "network", message, "give a larger budget")
    smallest = evaluator.outcome(Proposal(space.smallest)).synops
    for budget in goal.of_activity:
        needed = goal.predicted(budget, smallest) or 0.0
        if needed > _HOPELESS * budget.limit:
            need = f"needs about {needed:,.0f}, the budget is {budget.limit:,.0f}"
            message = f"the smallest network that may be built {need}; {floor_of(evaluator.cost, space)}"
            raise BudgetNotMetError.of("E041", budget.resource.name, message, _fix(space))
    placement = evaluator.placement(space.smallest)
    for budget in goal.budgets:
        of_placement = budget.resource.of_placement
        if of_placement is not None and not budget.allows(of_placement(placement)):
            need = f"takes {of_placement(placement):g}, the budget is {budget.limit:g}"
            message = f"the smallest network that may be built {need}"
            raise BudgetNotMetError.of("E041", budget.resource.name, message, _fix(space))
    for finding in placement.findings:
        message = f"the smallest network that may be built does not fit: {finding.message}"
        raise BudgetNotMetError.of("E041", finding.where, message, _fix(space))


def _fix(space: Space) -> str:
    can_shrink = any(count > 1 for count in space.smallest.values())
    return f"give a larger budget{f', or a --lowest-ratio below {space.lowest:g}' if can_shrink else ''}"


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
