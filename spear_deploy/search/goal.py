"""The goal of a search: the budgets of a run, and how each of them steers it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from spear_deploy.budgets import Budget
from spear_deploy.measure.measured import Baseline, Measured
from spear_deploy.placement import Placement


@dataclass(frozen=True, eq=False)
class Goal:
    """The budgets for a network whose unpruned form is the ``baseline``.

    Budgets of activity are predicted by LRE and enforced by fine-tuning; budgets of the placement are known without
    running the network; all others are judged once a network is measured.  Judged are the validation samples; for
    activity, an upper bound that holds on unseen samples with the given ``confidence``.
    """

    budgets: tuple[Budget, ...]
    baseline: Baseline
    confidence: float = 0.95

    @cached_property
    def of_activity(self) -> tuple[Budget, ...]:
        """Budgets of resources that grow with synaptic operations."""
        return tuple(budget for budget in self.budgets if budget.resource.of_activity is not None)

    @property
    def share(self) -> float:
        """The share of the unpruned network's SynOps that the tightest budget of activity allows; 1 without any."""
        unpruned = self.baseline.on_val(self.baseline.measured)
        shares = [budget.limit / budget.measured(unpruned) for budget in self.of_activity]
        return min(shares, default=1.0)

    def target(self, aim: float) -> float:
        """Return the share of the unpruned SynOps to prune to: ``aim`` times the allowed share, or 1."""
        return self.share * aim if self.of_activity else 1.0

    def binding(self, network: Measured) -> Budget | None:
        """Return the budget of activity that a network uses most, relative to its limit."""
        return max(self.of_activity, key=lambda budget: self.use(budget, network), default=None)

    def judged(self, budget: Budget, network: Measured) -> float:
        """Return the value that is compared with a budget's limit.

        A budget of at least the unpruned network's own use holds for that network on any samples: no bound is needed.
        """
        is_whole = budget.share is not None and budget.share >= 1
        if is_whole and network.network is self.baseline.network:
            return budget.measured(self.baseline.on_val(network))
        return budget.judged(self.baseline.on_val(network), self.confidence)

    def use(self, budget: Budget, network: Measured) -> float:
        """Return a network's use of a budget as a share of its limit."""
        return self.judged(budget, network) / budget.limit

    def fits(self, placement: Placement) -> bool:
        """Whether a placement is within the budgets that it determines, and every population has its cores."""
        return self.beyond(placement) <= 0

    def beyond(self, placement: Placement) -> float:
        """Return by how much a placement exceeds the budgets that it determines, and the chip; 0 if everything fits.

        The excesses are summed as shares of what is allowed; a finding without numbers counts as 1.
        """
        total = sum((_excess(found.value, found.limit) for found in placement.findings), 0.0)
        for budget in self.budgets:
            of_placement = budget.resource.of_placement
            if of_placement is not None and not budget.allows(of_placement(placement)):
                total += _excess(of_placement(placement), budget.limit)
        return total

    def is_met(self, network: Measured) -> bool:
        """Whether everything measured is within the budgets, and all populations are placed."""
        kept = (budget.allows(self.judged(budget, network)) for budget in self.budgets)
        return all(kept) and not network.lowered.placement.findings

    def excess(self, network: Measured) -> float:
        """Return by how much the budgets are missed, summed as shares of their limits; 0 if all are met."""
        total = 0.0
        for budget in self.budgets:
            value = self.judged(budget, network)
            if not budget.allows(value):
                total += abs(value - budget.limit) / (abs(budget.limit) or 1.0)
        return total

    def needs_search(self, network: Measured) -> bool:
        """Whether a budget is exceeded that pruning can help to meet."""
        over = any(self.use(budget, network) > 1 for budget in self.of_activity)
        return over or not self.fits(network.lowered.placement)

    def predicted(self, budget: Budget, share: float) -> float | None:
        """Return the expected use at a ``share`` of the SynOps; None if LRE does not predict this resource."""
        of_activity = budget.resource.of_activity
        return None if of_activity is None else share * of_activity(self.baseline.chip_val)


def _excess(value: float | None, limit: float | None) -> float:
    """Return by how much a value exceeds its limit, as a share of the limit."""
    return value / limit - 1 if value is not None and limit and value > limit else 1.0
