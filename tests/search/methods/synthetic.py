"""Tasks without a network: what units cost and matter is drawn, and a score made of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from spear_deploy.execution import Execution
from spear_deploy.search.cost import SynopsCost, Term
from spear_deploy.search.methods import Method, Outcome, Proposal, Task
from spear_deploy.search.space import KeepCounts, PrunableGroup, Space, widest_uniform
from spear_deploy.search.toolkit.widths import Widths
from spear_deploy.train.config import FinetuneConfig


@dataclass(frozen=True)
class Synthetic:
    """A task, and how its proposals are judged."""

    task: Task
    widths: Widths

    def outcome(self, proposal: Proposal) -> Outcome:
        """The geometric mean over the groups of the importance kept: each group is needed, the best ratios differ."""
        kept = []
        for name, count in proposal.counts.items():
            values = np.sort(self.task.importance[name])[::-1]
            kept.append(values[:count].sum() / values.sum())
        return Outcome(float(np.exp(np.mean(np.log(kept)))), self.widths.share(proposal.counts))

    def excess(self, proposal: Proposal) -> float:
        return self.task.predict(proposal, self.outcome(proposal)) / self.task.target - 1


def synthetic(
    groups: int,
    target: float,
    seed: int = 0,
    *,
    evaluations: int = 160,
    fits: Callable[[KeepCounts], bool] = lambda counts: True,
    units: int | None = None,
) -> Synthetic:
    """A chain of groups behind an input, and a readout; fine-tuning changes SynOps by a law of its own."""
    rng = np.random.default_rng(groups)  # the network is one, whatever the seed of the search
    sizes = [units or int(rng.choice([16, 32, 48, 64, 96])) for _ in range(groups)]
    names = [f"g{index}" for index in range(groups)]
    sent = [np.array([60.0]), *(rng.lognormal(0, 0.7, size) * rng.uniform(0.3, 3) for size in sizes)]
    share = [*(np.full(size, 1 / size) for size in sizes), np.array([1.0])]
    ends = [None, *names, None]
    fan = [*sizes, 10]
    terms = tuple(
        Term(ends[index], ends[index + 1], sent[index] * fan[index], share[index]) for index in range(groups + 1)
    )
    cost = SynopsCost(terms, dict(zip(names, sizes, strict=True)))
    importance = {name: rng.lognormal(0, 1, size) * rng.uniform(0.2, 5) for name, size in cost.units.items()}
    saved = cost.saved({name: np.arange(size) for name, size in cost.units.items()})
    described = tuple(
        PrunableGroup(name, size, 9 * (index + 1), float(saved[name].sum() / cost.total / 2), index < groups - 1)
        for index, (name, size) in enumerate(cost.units.items())
    )
    space = Space(described, 0.02, lambda counts: float(not fits(counts)))

    def predict(proposal: Proposal, outcome: Outcome) -> float:
        ratios = [proposal.counts[name] / size for name, size in cost.units.items()]
        return float(outcome.synops * np.exp(-0.05 + 0.03 * np.mean(np.log(ratios))))

    def of(known: tuple[KeepCounts, ...]) -> Task:
        training = FinetuneConfig(epochs=1.0)
        execution = Execution(seed=seed)
        return Task(
            space, target, predict, evaluations, importance, cost, known, None, None, None, execution, training,
            None, 0, lambda done, total: None,
        )  # type: ignore[arg-type]  # fmt: skip

    uniform = widest_uniform(space, Widths(of(())).is_within)
    task = of((uniform,))
    return Synthetic(task, Widths(task))


def run(method: Method, task: Synthetic) -> list[tuple[Proposal, Outcome]]:
    """Everything that a method proposes, told as it comes."""
    told = []
    while (proposal := method.ask()) is not None:
        told.append((proposal, task.outcome(proposal)))
        method.tell(*told[-1])
    return told
