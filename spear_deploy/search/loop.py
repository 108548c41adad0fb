"""The loop that closes the search on measured budgets: what is common to all methods.

search -> fine-tune -> quantise -> place -> emulate -> measure -> compare with the budgets -> refine LRE and
go on.  A network is taken when what is *measured* on the test samples is within the budgets.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from spear_deploy.errors import BudgetNotMetError, PluginError
from spear_deploy.progress import Progress, Tick
from spear_deploy.search.candidate import Candidate, candidate_of, close
from spear_deploy.search.evaluator import Evaluator
from spear_deploy.search.goal import Goal
from spear_deploy.search.lre import LRE, Pair, fit, held_out_mape
from spear_deploy.search.methods import METHODS, Outcome, Proposal, Task
from spear_deploy.search.pairs import first_pairs
from spear_deploy.search.space import Space

_HOPELESS = 2.0
"""A search is not begun if even the smallest network is predicted to use so many times a budget."""


@dataclass(frozen=True, eq=False)
class SearchResult:
    """How the search ended: the best candidate (within the budgets or not), and what was learnt.

    ``figures`` are the method's own.
    """

    candidate: Candidate
    lre: LRE
    pairs: tuple[Pair, ...]
    mape: float | None
    episodes: int
    candidates: int
    figures: Mapping[str, Any]
    frozen: Mapping[str, str]


def search(evaluator: Evaluator, goal: Goal, progress: Progress) -> SearchResult:
    """Search until a measured network meets the goal or the evaluations are used up.

    Raises :class:`BudgetNotMetError` (E041) if even the smallest network is far beyond a budget.
    """
    options = evaluator.options
    with progress.step("importance"):
        space = Space(
            evaluator.prunable_groups(), options.lowest_ratio, lambda counts: goal.fits(evaluator.placement(counts))
        )
        _check_feasible(evaluator, space, goal)
    with progress.step("lre") as tick:
        pairs = first_pairs(evaluator, space, goal.share, tick)
    return _Search(evaluator, space, goal, pairs, progress).run()


def _check_feasible(evaluator: Evaluator, space: Space, goal: Goal) -> None:
    if not space.groups:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in evaluator.groups.frozen.items())
        message = f"the network exceeds the budget and no unit may be pruned ({reasons})"
        raise BudgetNotMetError.of("E041", "network", message, "give a larger budget")
    can_shrink = any(count > 1 for count in space.smallest.values())
    fix = f"give a larger budget{f', or a --lowest-ratio below {space.lowest:g}' if can_shrink else ''}"
    share = evaluator.outcome(Proposal(space.smallest)).synops
    for budget in goal.of_activity:
        needed = goal.predicted(budget, share) or 0.0
        if needed > _HOPELESS * budget.limit:
            need = f"needs about {needed:,.0f}, the budget is {budget.limit:,.0f}"
            message = f"the smallest network that may be built {need}"
            raise BudgetNotMetError.of("E041", budget.resource.name, message, fix)
    placement = evaluator.placement(space.smallest)
    for budget in goal.budgets:
        of_placement = budget.resource.of_placement
        if of_placement is not None and not budget.allows(of_placement(placement)):
            need = f"takes {of_placement(placement):g}, the budget is {budget.limit:g}"
            message = f"the smallest network that may be built {need}"
            raise BudgetNotMetError.of("E041", budget.resource.name, message, fix)


class _Search:
    """The proposals of a method and the candidates taken from them, for one goal."""

    def __init__(self, evaluator: Evaluator, space: Space, goal: Goal, pairs: list[Pair], progress: Progress) -> None:
        self.evaluator, self.space, self.goal = evaluator, space, goal
        self.pairs, self.progress = pairs, progress
        self.options, self.target, self.line = evaluator.options, goal.share, fit(pairs)
        task = Task(
            space,
            self.target,
            predict=self._predict,
            first=self.options.episodes,
            evaluations=self.options.episodes * (1 + self.options.candidates),
            network=evaluator.baseline.network,
            data=evaluator.data,
            execution=evaluator.execution,
        )
        self.method = METHODS.get(self.options.method)(task)
        self.judged: list[tuple[Proposal, Outcome]] = []
        self.candidates: list[Candidate] = []

    def run(self) -> SearchResult:
        for _ in range(self.options.candidates):
            with self.progress.step("search") as tick:
                self._explore(tick)
            chosen = self._choose()
            if chosen is None and not self.candidates:
                raise PluginError.of(
                    "E065", self.options.method, "the method proposed no network", "choose another --method"
                )
            if chosen is None:  # every network that the method knows was measured
                break
            self.candidates.append(self._realise(*chosen))
            best = max(self.candidates, key=self._rank)
            if self._uses_budget(best):
                break
        return SearchResult(
            best,
            self.line,
            tuple(self.pairs),
            held_out_mape(self.pairs),
            len(self.judged),
            len(self.candidates),
            self.method.figures(),
            self.evaluator.groups.frozen,
        )

    def _predict(self, share: float) -> float:
        """Predict with the line as it is by now."""
        return self.line.predict(share)

    def _explore(self, tick: Tick) -> None:
        """Ask for networks and tell what they are worth: many at first, a quarter of that before a further choice."""
        count = self.options.episodes if not self.judged else self.options.episodes // 4
        for done in range(count):
            proposal = self.method.ask()
            if proposal is None:
                break
            self._check(proposal)
            outcome = self.evaluator.outcome(proposal)
            self.judged.append((proposal, outcome))
            self.method.tell(proposal, outcome)
            tick(done + 1, count)

    def _check(self, proposal: Proposal) -> None:
        """Raise :class:`PluginError` for counts that no network can be built with."""
        if proposal.network is not None:
            return
        counts, units = proposal.counts, self.space.units
        wrong = [name for name, most in units.items() if not 1 <= counts.get(name, 0) <= most]
        if wrong or set(counts) - set(units):
            message = f"proposes {dict(counts)} of {units}"
            raise PluginError.of("E065", self.options.method, message, "propose 1 to all units of each group")

    def _choose(self) -> tuple[Proposal, Outcome] | None:
        """Take the best network not tried yet that is predicted to use the budget, else the nearest to it."""
        tried = [candidate.proposal.key for candidate in self.candidates]
        fresh = [entry for entry in self.judged if entry[0].key not in tried]

        def rank(entry: tuple[Proposal, Outcome]) -> tuple[bool, float]:
            excess = self.line.predict(entry[1].synops) / self.target - 1
            near = abs(excess) <= 1 - self.options.least_use
            return near, self.method.merit(entry[1]) if near else -abs(excess)

        return max(fresh, key=rank) if fresh else None

    def _realise(self, proposal: Proposal, outcome: Outcome) -> Candidate:
        """Fine-tune a chosen network, measure it, refine LRE, and close the last per cent by dual ascent."""
        predicted = self.line.predict(outcome.synops)
        with self.progress.step("fine-tune"):
            probe = self.evaluator.probe(proposal)
        self.pairs.append(probe.pair)
        self.line = fit(self.pairs)
        candidate = candidate_of(proposal, probe, predicted, self.evaluator, self.progress)
        candidate = close(candidate, self.evaluator, self.goal, self.progress)
        self._say(candidate)
        return candidate

    def _say(self, candidate: Candidate) -> None:
        measured, baseline = candidate.measured, self.goal.baseline
        uses = []
        for budget in self.goal.budgets:
            resource, value = budget.resource, budget.measured(measured, baseline)
            uses.append(f"{value:,.{resource.digits}f} of {budget.limit:,.{resource.digits}f} {resource.title}")
        accuracy = f"accuracy {measured.activity.accuracy:.2%}"
        self.progress.say(f"candidate {len(self.candidates) + 1}: {', '.join((*uses, accuracy))}")

    def _uses_budget(self, candidate: Candidate) -> bool:
        binding = self.goal.binding(candidate.measured)
        used = binding is None or self.goal.use(binding, candidate.measured) >= self.options.least_use
        return self.goal.is_met(candidate.measured) and used

    def _rank(self, candidate: Candidate) -> tuple[bool, bool, float, float]:
        """Prefer what meets the goal and uses its budget, then what misses it least, then what is accurate."""
        measured = candidate.measured
        return (
            self.goal.is_met(measured),
            self._uses_budget(candidate),
            -self.goal.excess(measured),
            measured.val.accuracy,
        )
