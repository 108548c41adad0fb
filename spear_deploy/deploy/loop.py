"""The loop that closes the search on measured SynOps.

search -> fine-tune -> quantise -> place -> emulate -> measure -> compare with the budget -> refine LRE and
go on.  A network is accepted when its *measured* SynOps on the test samples are within the budget.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace

import numpy as np

from spear_deploy.deploy.options import SearchOptions
from spear_deploy.errors import UnsupportedError
from spear_deploy.journal import Journal, Record
from spear_deploy.lower.chip import Chip, Lowered
from spear_deploy.lower.compose import compose
from spear_deploy.network import Network
from spear_deploy.network.units import UnitGroups, keep_units, unit_groups
from spear_deploy.prune.agent import Agent
from spear_deploy.prune.environment import KeepCounts, KeepRatios, Layer, Outcome, keep_count
from spear_deploy.prune.importance import most_important, unit_importance
from spear_deploy.prune.lre import LRE, Pair, fit, held_out_mape
from spear_deploy.prune.tar import TAR
from spear_deploy.report.progress import Progress
from spear_deploy.simulate.activity import Activity
from spear_deploy.simulate.measure import measure_chip, measure_float
from spear_deploy.train.datasets import Dataset, Split
from spear_deploy.train.finetune import finetune

_SCORING_SAMPLES = 256
_CLOSING_ROUNDS = 3


@dataclass(frozen=True, eq=False)
class Baseline:
    """The unpruned network and what it does, in float and on the emulated chip."""

    network: Network
    lowered: Lowered
    float_val: Activity
    chip_val: Activity
    float_test: Activity
    chip_test: Activity


@dataclass(frozen=True, eq=False)
class Candidate:
    """A pruned, fine-tuned, quantised and measured network."""

    counts: KeepCounts
    kept: Mapping[str, list[int]]
    network: Network
    lowered: Lowered
    activity: Activity
    predicted: float
    pruned_accuracy: float

    @property
    def synops(self) -> float:
        """Measured SynOps, mean over the test samples."""
        return float(self.activity.total.mean())


@dataclass(frozen=True, eq=False)
class SearchResult:
    """How the search ended: the candidate taken, whether it is within the budget, and what was learnt."""

    candidate: Candidate | None
    within: bool
    lre: LRE
    pairs: tuple[Pair, ...]
    mape: float | None
    episodes: int
    measured: int
    best_reward: float
    frozen: Mapping[str, str]


@dataclass
class Loop:
    """One search for one budget; ``limit`` is in SynOps a sample, ``cores`` the number allowed."""

    baseline: Baseline
    data: Dataset
    chip: Chip
    limit: float
    cores: int
    options: SearchOptions
    seed: int
    journal: Journal
    progress: Progress
    pairs: list[Pair] = field(default_factory=list)
    measured: int = 0

    def __post_init__(self) -> None:
        self.groups: UnitGroups = unit_groups(self.baseline.network)
        self.units = {group.name: group.units for group in self.groups.groups}
        self.target = self.limit / float(self.baseline.chip_test.total.mean())
        self.scoring = self.data.val.head(_SCORING_SAMPLES)
        self.unpruned_scoring = float(self.baseline.float_val.total[: len(self.scoring)].mean())
        self.tar = TAR(self.target)

    def run(self) -> SearchResult:
        """Search until a measured network is within the budget or the evaluations are used up."""
        with self.progress.step("importance"):
            self.importance = unit_importance(self.baseline.network, self.groups, self.data.train.head(1024))
        with self.progress.step("lre") as tick:
            self._sample_lre(tick)
        environment = KeepRatios(
            self._layers(), self._outcome, lambda outcome: self._reward(outcome), self._fits, self.options.lowest_ratio
        )
        agent = Agent(environment, seed=self.seed, random_episodes=self.options.episodes // 4)
        best: Candidate | None = None
        for round_index in range(self.options.candidates):
            with self.progress.step("search") as tick:
                self._explore(agent, environment, round_index, tick)
            candidate = self._realise(self._choose(environment))
            self.measured += 1
            best = candidate if best is None or self._better(candidate, best) else best
            if self._acceptable(best):
                break
        rewards = [self._reward(outcome) for _, outcome in environment.episodes]
        return SearchResult(
            best,
            best is not None and self._within(best),
            fit(self.pairs),
            tuple(self.pairs),
            held_out_mape(self.pairs),
            len(environment.episodes),
            self.measured,
            max(rewards),
            self.groups.frozen,
        )

    def out_of_reach(self) -> float | None:
        """Return the SynOps of the smallest network if even that is far beyond the budget, else None."""
        smallest = {name: keep_count(units, self.options.lowest_ratio) for name, units in self.units.items()}
        self.importance = {name: np.arange(units, 0, -1.0) for name, units in self.units.items()}
        share = self._outcome(smallest).synops
        return share * float(self.baseline.chip_test.total.mean()) if share > 2 * self.target else None

    # LRE

    def _sample_lre(self, tick: object) -> None:
        """Fine-tune random networks near the target until the prediction interval is narrow enough."""
        rng = np.random.default_rng(self.seed)
        for index in range(self.options.samples):
            counts = self._random_near_target(rng)
            record = self.journal.once("lre", [index, counts], lambda counts=counts: self._probe(counts).record)  # type: ignore[misc]
            self.pairs.append(Pair(record["pre"], record["post"]))
            tick(index + 1, self.options.samples)  # type: ignore[operator]
            line = fit(self.pairs)
            if index >= 5 and line.half_width(line.inverse(self.target)) < 0.1 * self.target:
                break

    def _random_near_target(self, rng: np.random.Generator) -> KeepCounts:
        """Draw keep ratios until SynOps before fine-tuning lie within half to twice the target."""
        for _ in range(50):
            centre = rng.uniform(self.options.lowest_ratio, 1.0)
            ratios = np.clip(rng.normal(centre, 0.15, len(self.units)), self.options.lowest_ratio, 1.0)
            counts = {n: keep_count(u, float(r)) for (n, u), r in zip(self.units.items(), ratios, strict=True)}
            if self.target / 2 <= self._outcome(counts).synops <= 2 * self.target:
                break
        return counts

    def _probe(self, counts: KeepCounts) -> _Probe:
        """Fine-tune briefly and measure on the emulated chip, on the validation split."""
        pre = self._outcome(counts)
        pruned = self._pruned(counts)
        tuned = finetune(
            pruned, self.data.train, self.options.probe, seed=self.seed, teacher=self.baseline.network
        )
        activity = measure_chip(self.chip.lower(tuned).program, self.data.val)
        post = float(activity.total.mean()) / float(self.baseline.chip_val.total.mean())
        return _Probe(tuned, {"pre": pre.synops, "post": post, "accuracy": activity.accuracy})

    # Search

    def _explore(self, agent: Agent, environment: KeepRatios, round_index: int, tick: object) -> None:
        episodes = self.options.episodes if round_index == 0 else self.options.episodes // 4
        start = len(environment.episodes)

        def after_episode() -> None:
            _, outcome = environment.episodes[-1]
            self.tar = self.tar.adapted(fit(self.pairs).predict(outcome.synops))
            rewards = [self._reward(item) for _, item in environment.episodes]
            agent.relabel(np.array(rewards, np.float32))
            tick(len(environment.episodes) - start, episodes)  # type: ignore[operator]

        agent.explore(episodes, after_episode)

    def _reward(self, outcome: Outcome) -> float:
        return self.tar.reward(outcome.accuracy, fit(self.pairs).predict(outcome.synops))

    def _choose(self, environment: KeepRatios) -> KeepCounts:
        """Take the best-rewarded network that is predicted to use the budget and was not measured yet."""
        line = fit(self.pairs)

        def rank(entry: tuple[KeepCounts, Outcome]) -> tuple[bool, float]:
            predicted = line.predict(entry[1].synops)
            uses_budget = self.options.floor <= predicted / self.target <= 2 - self.options.floor
            return uses_budget, self._reward(entry[1]) if uses_budget else -abs(predicted / self.target - 1)

        fresh = [entry for entry in environment.episodes if entry[0] not in self._tried]
        counts = max(fresh or environment.episodes, key=rank)[0]
        self._tried.append(counts)
        return counts

    @property
    def _tried(self) -> list[KeepCounts]:
        return self.__dict__.setdefault("_tried_counts", [])

    def _outcome(self, counts: KeepCounts) -> Outcome:
        def compute() -> Record:
            activity = measure_float(self._pruned(counts), self.scoring, batch=len(self.scoring))
            return {"accuracy": activity.accuracy, "synops": float(activity.total.mean()) / self.unpruned_scoring}

        return Outcome(**self.journal.once("episode", dict(counts), compute))

    def _fits(self, counts: KeepCounts) -> bool:
        return self.chip.place(self._pruned(counts)).cores <= self.cores

    # Candidates

    def _realise(self, counts: KeepCounts) -> Candidate:
        """Fine-tune a chosen network, measure it, refine LRE, and close the last per cent by dual ascent."""
        predicted = fit(self.pairs).predict(self._outcome(counts).synops)
        with self.progress.step("fine-tune"):
            probe = self._probe(counts)
            self.journal.once("candidate", dict(counts), lambda: probe.record)
            self.pairs.append(Pair(probe.record["pre"], probe.record["post"]))
        candidate = self._measured(counts, probe.network, predicted)
        if candidate.synops > self.limit * 1.5:
            return candidate
        for attempt in range(_CLOSING_ROUNDS):
            recipe = self.options.finish if attempt == 0 else self.options.probe
            aim = self.options.aim * self.limit * 0.98**attempt
            float_train = measure_float(candidate.network, self.data.train.head(1024)).total.mean()
            target = aim * float(float_train) / candidate.synops
            with self.progress.step("fine-tune") as tick:
                tuned = finetune(
                    candidate.network,
                    self.data.train,
                    recipe,
                    seed=self.seed + attempt,
                    teacher=self.baseline.network,
                    synops_target=target,
                    tick=tick,
                )
            candidate = self._measured(counts, tuned, predicted)
            if self._within(candidate):
                break
        return candidate

    def _measured(self, counts: KeepCounts, network: Network, predicted: float) -> Candidate:
        with self.progress.step("measure") as tick:
            lowered = self.chip.lower(network)
            activity = measure_chip(lowered.program, self.data.test, tick)
        pruned = self._outcome(counts).accuracy
        kept = {name: self._kept(name, count).tolist() for name, count in counts.items()}
        unpruned = float(self.baseline.chip_test.total.mean())
        return Candidate(counts, kept, network, lowered, activity, predicted * unpruned, pruned)

    def _within(self, candidate: Candidate) -> bool:
        placement = candidate.lowered.placement
        return candidate.synops <= self.limit and placement.cores <= self.cores and not placement.findings

    def _acceptable(self, candidate: Candidate) -> bool:
        return self._within(candidate) and candidate.synops >= self.options.floor * self.limit

    def _better(self, one: Candidate, other: Candidate) -> bool:
        def rank(candidate: Candidate) -> tuple[bool, bool, float]:
            within = self._within(candidate)
            return within, self._acceptable(candidate), candidate.activity.accuracy if within else -candidate.synops

        return rank(one) > rank(other)

    # Shared

    def _pruned(self, counts: KeepCounts) -> Network:
        return keep_units(self.baseline.network, {name: self._kept(name, count) for name, count in counts.items()})

    def _kept(self, name: str, count: int) -> np.ndarray:
        return most_important(self.importance[name], count)

    def _layers(self) -> tuple[Layer, ...]:
        network, activity = self.baseline.network, self.baseline.float_val
        total = float(activity.total.mean())
        fan_in: dict[str, int] = {}
        share: dict[str, float] = {}
        for synapses in compose(network):
            row = np.asarray(synapses.weight)
            fan_in[synapses.target] = fan_in.get(synapses.target, 0) + row[0].size
            part = float(activity.synops[synapses.name].mean()) / total / 2
            for end in (synapses.source, synapses.target):
                share[end] = share.get(end, 0.0) + part
        return tuple(
            Layer(
                group.name,
                group.units,
                fan_in.get(group.name, 1),
                sum(share.get(name, 0.0) for name in group.populations),
                len(network[group.name].shape) == 3,
            )
            for group in self.groups.groups
        )


@dataclass(frozen=True, eq=False)
class _Probe:
    """A briefly fine-tuned network and what was measured of it."""

    network: Network
    record: Record
