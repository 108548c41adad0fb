"""The search, common to all methods: from the unpruned network to one that meets its budgets.

1. The learning rate is found by short runs.
2. Gradual pruning yields the pairs for LRE, and widths that are known to meet the target.
3. The method proposes networks, which are scored without fine-tuning.
4. The best ones are fine-tuned briefly, quantised, placed, emulated, and compared on the validation samples.
5. The winner gets the closing fine-tuning.

The test samples are not used.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from spear_deploy.errors import PluginError
from spear_deploy.progress import Progress, Tick
from spear_deploy.search.candidate import Candidate, Option, best_of, to_deliver
from spear_deploy.search.closing import close
from spear_deploy.search.comparison import Comparison
from spear_deploy.search.evaluator import Evaluator
from spear_deploy.search.feasible import check_feasible
from spear_deploy.search.goal import Goal
from spear_deploy.search.gradual import GradualPath, between_stages, prune_gradually
from spear_deploy.search.lre import LRE, Pair, fit
from spear_deploy.search.methods import METHODS, Method, Outcome, Proposal, Task
from spear_deploy.search.methods.scratch import with_new_weights
from spear_deploy.search.outlook import outlook
from spear_deploy.search.rate import find_rate
from spear_deploy.search.space import KeepCounts, Space, widest_uniform


@dataclass(frozen=True, eq=False)
class SearchResult:
    """The result of a search: the best candidate (within the budgets or not), and what led to it.

    ``compared`` are the candidates after their brief fine-tuning, ``figures`` the method's own, and ``ratios`` the keep
    ratios of the best candidate.  ``rising`` is the accuracy (0..1) that the last round of the closing fine-tuning
    still gained on the validation samples; 0: it has converged.
    """

    candidate: Candidate
    compared: tuple[Candidate, ...]
    rate: float
    lre: LRE
    pairs: tuple[Pair, ...]
    episodes: int
    figures: Mapping[str, Any]
    frozen: Mapping[str, str]
    ratios: tuple[float, ...]
    rising: float = 0.0


@dataclass(frozen=True, eq=False)
class _Start:
    """What is known before the method is asked.

    ``target`` is the share of the unpruned network's SynOps to prune to, ``rate`` the learning rate; ``uniform`` widths
    and the gradual ``path`` meet the target.
    """

    space: Space
    target: float
    uniform: KeepCounts
    rate: float
    path: GradualPath


def search(evaluator: Evaluator, goal: Goal, progress: Progress) -> SearchResult:
    """Search for the most accurate network that meets the goal.

    Raises :class:`BudgetNotMetError` (E041) if even the smallest network is far beyond a budget.
    """
    return _Search(evaluator, goal, _start(evaluator, goal, progress)).run(progress)


def _start(evaluator: Evaluator, goal: Goal, progress: Progress) -> _Start:
    options = evaluator.options
    with progress.step("importance"):
        space = Space(evaluator.prunable_groups(), options.lowest_ratio, partial(_beyond, evaluator, goal))
        check_feasible(evaluator, space, goal)
    target = goal.target(options.aim)
    uniform = widest_uniform(space, lambda counts: evaluator.predicted_share(counts) <= target)
    with progress.step("rate") as tick:
        rate = find_rate(evaluator, evaluator.network_of(Proposal(uniform)), tick)
    if told := outlook(options, evaluator.pace, target, len(evaluator.data.train)):
        progress.say(told)
    with progress.step("gradual") as tick:
        path = prune_gradually(evaluator, space, target, rate, tick)
    return _Start(space, target, uniform, rate, path)


def _beyond(evaluator: Evaluator, goal: Goal, counts: KeepCounts) -> float:
    """Return by how much a placement exceeds its limits; the run's placer is tried only if the rule's does."""
    by_rule = goal.beyond(evaluator.placement(counts))
    return goal.beyond(evaluator.expected_placement(counts)) if by_rule > 0 else by_rule


class _Search:
    """The state of one search: the proposals of the method, and the candidates chosen from them."""

    def __init__(self, evaluator: Evaluator, goal: Goal, start: _Start) -> None:
        self.evaluator, self.goal, self.options = evaluator, goal, evaluator.options
        self.space, self.target, self.rate = start.space, start.target, start.rate
        self.uniform, self.path = start.uniform, start.path
        self.pairs, self.chosen = list(self.path.pairs), list[Pair]()
        self.lre = fit(self.pairs)
        self.judged: list[tuple[Proposal, Outcome]] = []

    def run(self, progress: Progress) -> SearchResult:
        with progress.step("search") as tick:
            method = METHODS.get(self.options.method)(self._task(tick))
            self._explore(method, tick)
            chosen = self._choose(method)
        options = [*self._beside(chosen), *(self._option(*entry) for entry in chosen)]
        if self.evaluator.execution.deadline.passed:  # only one is measured, which should be within the budgets
            options.sort(key=lambda each: (each.proposal.untrained, each.predicted > self.target))
        with progress.step("compare") as tick:
            compared = tuple(self._comparison().candidates(options, tick))
        for candidate in compared:
            self._learn(candidate)
        running = tuple(each for each in compared if not each.given_up)
        best = best_of(running, self.goal, self.options.method)
        for each in compared:
            self._say("best so far" if each is best else "compared", each, progress)
        with progress.step("close") as tick:
            closed = close(best, self.evaluator, self.goal, self.rate, tick)
        # A candidate that was within the budgets before closing is not discarded for a worse one.
        delivered = to_deliver((closed.candidate, *running), self.goal)
        self._say("fine-tuned", delivered, progress)
        self.lre = fit(self.pairs, self.chosen)
        return SearchResult(
            delivered,
            compared,
            self.rate,
            self.lre,
            tuple(self.pairs),
            len(self.judged),
            method.figures(),
            self.evaluator.groups.frozen,
            self._ratios(delivered.option.proposal),
            closed.rising,
        )

    def _task(self, tick: Tick) -> Task:
        evaluator, options = self.evaluator, self.options
        stage = between_stages(options, self.rate)
        return Task(
            self.space,
            self.target,
            predict=self._predict,
            evaluations=options.episodes,
            importance=evaluator.importance,
            cost=evaluator.cost,
            known=(self.path.end.counts, self.uniform),
            path=self.path,
            network=evaluator.baseline.network,
            data=evaluator.data,
            execution=evaluator.execution,
            training=replace(options.finish, learning_rate=self.rate),
            refine=partial(evaluator.tune_roughly, config=stage),
            refining=stage.steps(len(evaluator.data.train)),
            tick=tick,
        )

    def _predict(self, proposal: Proposal, outcome: Outcome) -> float:
        """Predict the share of the SynOps after fine-tuning, by LRE."""
        return self.lre.predict(outcome.synops, self._ratios(proposal))

    def _ratios(self, proposal: Proposal) -> tuple[float, ...]:
        return tuple(proposal.counts.get(name, most) / most for name, most in self.space.units.items())

    def _explore(self, method: Method, tick: Tick) -> None:
        """Ask the method for networks, and tell it their scores."""
        for done in range(self.options.episodes):
            proposal = method.ask()
            if proposal is None or (self.judged and self.evaluator.execution.deadline.passed):
                break
            self._check(proposal)
            outcome = self.evaluator.outcome(proposal)
            self.judged.append((proposal, outcome))
            method.tell(proposal, outcome)
            tick(done + 1, self.options.episodes)
        if not self.judged:
            raise PluginError.of(
                "E065", self.options.method, "the method proposed no network", "choose another --method"
            )

    def _check(self, proposal: Proposal) -> None:
        """Raise :class:`PluginError` (E065) for counts that no network can have."""
        if proposal.network is not None:
            return
        counts, units = proposal.counts, self.space.units
        wrong = [name for name, most in units.items() if not 1 <= counts.get(name, 0) <= most]
        if wrong or set(counts) - set(units):
            message = f"proposes {dict(counts)} of {units}"
            raise PluginError.of("E065", self.options.method, message, "propose 1 to all units of each group")

    def _choose(self, method: Method) -> list[tuple[Proposal, Outcome]]:
        """Return the best proposals that are predicted to be near the target, or else the nearest ones."""
        nearest = 1 - self.options.least_use
        most_unused = nearest if self.goal.of_activity else 1.0

        def rank(entry: tuple[Proposal, Outcome]) -> tuple[bool, bool, float]:
            excess = self._predict(*entry) / self.target - 1
            is_near = -most_unused <= excess <= nearest
            return self._fits(entry[0]), is_near, method.merit(*entry) if is_near else -abs(excess)

        different = {str(entry[0].key): entry for entry in sorted(self.judged, key=rank)}
        return sorted(different.values(), key=rank, reverse=True)[: self.options.candidates]

    def _fits(self, proposal: Proposal) -> bool:
        return proposal.network is not None or self.space.fits(proposal.counts)

    def _beside(self, chosen: Sequence[tuple[Proposal, Outcome]]) -> list[Option]:
        """Return the options compared with the method's own; no widths are trained twice."""
        beside = [name for name in self.options.beside if name != self.options.method]
        known: dict[str, Callable[[], Option]] = {
            "gradual": self._gradual,
            "uniform": partial(self._widths, "uniform", self.uniform),
            "scratch": partial(self._untrained, "scratch", self.uniform),
        }
        taken = [dict(proposal.counts) for proposal, _ in chosen if proposal.network is None]
        options = (known[name]() for name in beside)
        return [
            each for each in options if each.proposal.network or each.steps or dict(each.proposal.counts) not in taken
        ]

    def _gradual(self) -> Option:
        end, proposal = self.path.end, Proposal(self.path.end.counts)
        kept = {name: units.tolist() for name, units in end.kept.items()}
        outcome = self.evaluator.outcome(proposal)
        return Option("gradual", proposal, end.network, kept, outcome, self._predict(proposal, outcome), end.steps)

    def _widths(self, of: str, counts: KeepCounts) -> Option:
        proposal = Proposal(counts)
        return replace(self._option(proposal, self.evaluator.outcome(proposal)), of=of)

    def _untrained(self, of: str, counts: KeepCounts) -> Option:
        """Return these widths with weights drawn anew."""
        evaluator = self.evaluator
        kept = evaluator.kept_units(counts)
        proposal = with_new_weights(evaluator.baseline.network, kept, evaluator.execution.seed)
        return replace(self._option(proposal, evaluator.outcome(proposal)), of=of)

    def _with_widths(self, option: Option, counts: KeepCounts) -> Option:
        """Return an option made in the same way with other widths."""
        build = self._untrained if option.proposal.untrained else self._widths
        return build(option.of, counts)

    def _option(self, proposal: Proposal, outcome: Outcome) -> Option:
        kept = proposal.kept if proposal.network is not None else self.evaluator.kept_units(proposal.counts)
        listed = {name: units.tolist() for name, units in (kept or {}).items()}
        network, predicted = self.evaluator.network_of(proposal), self._predict(proposal, outcome)
        return Option(self.options.method, proposal, network, listed, outcome, predicted, proposal.steps)

    def _comparison(self) -> Comparison:
        config = replace(self.options.compare, learning_rate=self.rate)
        return Comparison(
            self.evaluator, self.goal, self.space, config, self.path.end.steps, self.uniform, self._with_widths
        )

    def _learn(self, candidate: Candidate) -> None:
        """Add a candidate's SynOps before and after fine-tuning to the pairs of LRE."""
        option = candidate.option
        if option.proposal.network is None:
            after = candidate.measured.val.mean_synops / self.evaluator.baseline.chip_val.mean_synops
            self.pairs.append(Pair(option.outcome.synops, after, self._ratios(option.proposal)))
            if option.of == self.options.method:
                self.chosen.append(self.pairs[-1])

    def _say(self, what: str, candidate: Candidate, progress: Progress) -> None:
        uses = []
        for budget in self.goal.budgets:
            resource, value = budget.resource, self.goal.judged(budget, candidate.measured)
            uses.append(f"{value:,.{resource.digits}f} of {budget.limit:,.{resource.digits}f} {resource.title}")
        accuracy = f"accuracy {candidate.measured.val.accuracy:.2%} on the validation samples"
        progress.say(f"{what}: {candidate.option.of}, {', '.join((*uses, accuracy))}")
