"""The loop that closes the search on measured SynOps.

search -> fine-tune -> quantise -> place -> emulate -> measure -> compare with the budget -> refine LRE and
go on.  A network is taken when its *measured* SynOps on the test samples are within the budget.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from spear_deploy.errors import BudgetNotMetError
from spear_deploy.progress import Progress, Tick
from spear_deploy.search.evaluator import Evaluator, Measured
from spear_deploy.search.lre import LRE, Pair, fit, held_out_mape
from spear_deploy.search.methods.spear.agent import Agent
from spear_deploy.search.methods.spear.environment import KeepCounts, KeepRatios, Outcome, keep_count, smallest_counts
from spear_deploy.search.methods.spear.tar import TAR

_FEWEST_SAMPLES = 6
_INTERVAL = 0.1
"""LRE takes samples until its prediction interval at the target is within this share of the target."""
_CLOSING_ATTEMPTS = 3
_BEYOND_REPAIR = 1.5
"""A network that measures more than this many budgets after the short fine-tuning is given up."""


@dataclass(frozen=True)
class Limits:
    """What the chosen network may use: SynOps a sample (measured mean) and cores."""

    synops: float
    cores: int


@dataclass(frozen=True, eq=False)
class Candidate:
    """A network that was chosen by the search, fine-tuned and measured."""

    counts: KeepCounts
    kept: Mapping[str, list[int]]
    predicted: float
    pruned_accuracy: float
    measured: Measured

    def within(self, limits: Limits) -> bool:
        """Whether all that was measured is within the limits."""
        placement = self.measured.lowered.placement
        return self.measured.synops <= limits.synops and placement.cores <= limits.cores and not placement.findings


@dataclass(frozen=True, eq=False)
class SearchResult:
    """How the search ended: the best candidate (within the limits or not), and what was learnt."""

    candidate: Candidate
    within: bool
    lre: LRE
    pairs: tuple[Pair, ...]
    mape: float | None
    episodes: int
    candidates: int
    best_reward: float
    frozen: Mapping[str, str]


def search(evaluator: Evaluator, limits: Limits, progress: Progress) -> SearchResult:
    """Search until a measured network is within the limits or the evaluations are used up.

    Raises :class:`BudgetNotMetError` (E041) if even the smallest network is far beyond the budget.
    """
    with progress.step("importance"):
        _refuse_the_impossible(evaluator, limits)
    with progress.step("lre") as tick:
        pairs = _first_pairs(evaluator, limits, tick)
    return _Search(evaluator, limits, progress, pairs).run()


def _refuse_the_impossible(evaluator: Evaluator, limits: Limits) -> None:
    if not evaluator.units:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in evaluator.groups.frozen.items())
        message = f"the network exceeds the budget and no unit may be pruned ({reasons})"
        raise BudgetNotMetError.of("E041", "network", message, "give a larger budget")
    smallest = smallest_counts(evaluator.units, evaluator.options.lowest_ratio)
    synops = evaluator.outcome(smallest).synops * evaluator.baseline.synops
    cores = evaluator.cores(smallest)
    fix = f"give a larger budget, or a --lowest-ratio below {evaluator.options.lowest_ratio:g}"
    if synops > 2 * limits.synops:
        message = (
            f"the smallest network that may be built needs about {synops:,.0f}, the budget is {limits.synops:,.0f}"
        )
        raise BudgetNotMetError.of("E041", "synops", message, fix)
    if cores > limits.cores:
        message = f"the smallest network that may be built takes {cores}, the budget is {limits.cores}"
        raise BudgetNotMetError.of("E041", "cores", message, fix)


def _first_pairs(evaluator: Evaluator, limits: Limits, tick: Tick) -> list[Pair]:
    """Fine-tune random networks near the target until the prediction interval is narrow enough."""
    rng = np.random.default_rng(evaluator.seed)
    target, most = limits.synops / evaluator.baseline.synops, evaluator.options.samples
    pairs: list[Pair] = []
    while len(pairs) < most:
        pairs.append(evaluator.pair(_random_near(evaluator, target, rng)))
        tick(len(pairs), most)
        line = fit(pairs)
        if len(pairs) >= _FEWEST_SAMPLES and line.half_width(line.inverse(target)) < _INTERVAL * target:
            break
    return pairs


def _random_near(evaluator: Evaluator, target: float, rng: np.random.Generator) -> KeepCounts:
    """Draw keep ratios until SynOps before fine-tuning lie within half to twice the target."""
    lowest = evaluator.options.lowest_ratio
    while True:
        centre = rng.uniform(lowest, 1.0)
        ratios = np.clip(rng.normal(centre, 0.15, len(evaluator.units)), lowest, 1.0)
        counts = {n: keep_count(u, float(r)) for (n, u), r in zip(evaluator.units.items(), ratios, strict=True)}
        if target / 2 <= evaluator.outcome(counts).synops <= 2 * target or rng.random() < 0.05:
            return counts


class _Search:
    """The agent's episodes and the candidates taken from them, for one pair of limits."""

    def __init__(self, evaluator: Evaluator, limits: Limits, progress: Progress, pairs: list[Pair]) -> None:
        self.evaluator, self.limits, self.progress, self.pairs = evaluator, limits, progress, pairs
        self.options = evaluator.options
        self.target = limits.synops / evaluator.baseline.synops
        self.line = fit(pairs)
        self.tar = TAR(self.target)
        self.environment = KeepRatios(
            evaluator.layers(),
            evaluator.outcome,
            self._reward,
            lambda counts: evaluator.cores(counts) <= limits.cores,
            self.options.lowest_ratio,
        )
        self.agent = Agent(
            self.environment,
            seed=evaluator.seed,
            random_episodes=self.options.episodes // 4,
            most_episodes=self.options.episodes * (1 + self.options.candidates),
        )
        self.candidates: list[Candidate] = []

    def run(self) -> SearchResult:
        for _ in range(self.options.candidates):
            with self.progress.step("search") as tick:
                self._explore(tick)
            counts = self._choose()
            if counts is None:  # every network that the agent knows was measured
                break
            self.candidates.append(self._realise(counts))
            best = max(self.candidates, key=self._rank)
            if self._uses_budget(best):
                break
        outcomes = [outcome for _, outcome in self.environment.episodes]
        return SearchResult(
            best,
            best.within(self.limits),
            self.line,
            tuple(self.pairs),
            held_out_mape(self.pairs),
            len(outcomes),
            len(self.candidates),
            max(map(self._reward, outcomes)),
            self.evaluator.groups.frozen,
        )

    def _explore(self, tick: Tick) -> None:
        """Run episodes; after each, TAR's weight moves and all rewards in the replay buffer follow."""
        first = len(self.environment.episodes)
        count = self.options.episodes if first == 0 else self.options.episodes // 4

        def after_episode() -> None:
            outcomes = [outcome for _, outcome in self.environment.episodes]
            self.tar = self.tar.adapted(self.line.predict(outcomes[-1].synops))
            self.agent.relabel(np.array([self._reward(outcome) for outcome in outcomes], np.float32))
            tick(len(outcomes) - first, count)

        self.agent.explore(count, after_episode)

    def _reward(self, outcome: Outcome) -> float:
        return self.tar.reward(outcome.accuracy, self.line.predict(outcome.synops))

    def _choose(self) -> KeepCounts | None:
        """Take the best-rewarded network not tried yet that is predicted to use the budget, else the nearest."""
        tried = [candidate.counts for candidate in self.candidates]
        fresh = [entry for entry in self.environment.episodes if entry[0] not in tried]

        def rank(entry: tuple[KeepCounts, Outcome]) -> tuple[bool, float]:
            excess = self.line.predict(entry[1].synops) / self.target - 1
            near = abs(excess) <= 1 - self.options.floor
            return near, self._reward(entry[1]) if near else -abs(excess)

        return max(fresh, key=rank)[0] if fresh else None

    def _realise(self, counts: KeepCounts) -> Candidate:
        """Fine-tune a chosen network, measure it, refine LRE, and close the last per cent by dual ascent."""
        evaluator = self.evaluator
        outcome = evaluator.outcome(counts)
        predicted = self.line.predict(outcome.synops) * evaluator.baseline.synops
        with self.progress.step("fine-tune"):
            probe = evaluator.probe(counts)
        self.pairs.append(probe.pair)
        self.line = fit(self.pairs)
        kept = {name: units.tolist() for name, units in evaluator.kept(counts).items()}
        with self.progress.step("measure") as tick:
            candidate = Candidate(counts, kept, predicted, outcome.accuracy, evaluator.measure_probe(probe, tick))
        if candidate.measured.synops > _BEYOND_REPAIR * self.limits.synops:
            return candidate
        for attempt in range(_CLOSING_ATTEMPTS):
            with self.progress.step("fine-tune") as tick:
                network = evaluator.pressed(candidate.measured, self.limits.synops, attempt, tick)
            with self.progress.step("measure") as tick:
                candidate = replace(candidate, measured=evaluator.measure(network, tick))
            if candidate.within(self.limits):
                break
        measured = candidate.measured
        self.progress.say(
            f"candidate {len(self.candidates) + 1}: {measured.synops:,.0f} of {self.limits.synops:,.0f} SynOps, "
            f"{measured.lowered.placement.cores} cores, accuracy {measured.activity.accuracy:.2%}"
        )
        return candidate

    def _uses_budget(self, candidate: Candidate) -> bool:
        return candidate.within(self.limits) and candidate.measured.synops >= self.options.floor * self.limits.synops

    def _rank(self, candidate: Candidate) -> tuple[bool, bool, float]:
        within = candidate.within(self.limits)
        merit = candidate.measured.val.accuracy if within else -candidate.measured.synops
        return within, self._uses_budget(candidate), merit
