"""Does a budget hold that is only predicted?  SPEAR as far as it is published, without what measures and corrects.

What the paper says of its method (docs/methods/spear.md): a line from SynOps before to SynOps after fine-tuning, fitted
on random networks that were fine-tuned; an agent that chooses keep ratios under a reward that knows the target; then
the network that it likes best is fine-tuned.  Nothing measures it before it is done, and no term of the loss presses.
Two forms of it, both with the agent, the episodes and the closing fine-tuning of ``--method spear``:

``line``  the line, on random networks, each fine-tuned for as long as the one that is delivered
``lre``   LRE of this project, on the pairs of the gradual path (``search/lre.py``)

beside ``--method spear`` itself, with its measured loop, from the results of ``benchmarks.pruning``.  What is held
against the budget is the mean SynOps on the test samples, which no decision saw.  Results are lines of JSON in
``benchmarks/results``; what is there already is not run again.

    python -m benchmarks.published --network digits
    python -m benchmarks.published --table
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from benchmarks.evaluators import Subject, quiet, study_arguments, subject
from benchmarks.pruning import RESULTS as PRUNED
from benchmarks.pruning import known
from spear_deploy.search.gradual import GradualPath, prune_gradually
from spear_deploy.search.lre import LRE, Pair, fit
from spear_deploy.search.methods import Outcome, Proposal, Task
from spear_deploy.search.methods.spear.method import Spear
from spear_deploy.search.rate import find_rate
from spear_deploy.search.space import KeepCounts
from spear_deploy.train.config import FinetuneConfig

RESULTS = Path(__file__).parent / "results" / "published.jsonl"
BUDGETS, SEEDS = (70, 50, 30, 15, 5), (0, 1, 2)
FORMS = ("line", "lre")
DELIVERED = "spear"
_PAIRS = 24
"""Random networks that the line is fitted on; the paper has 500, for two parameters."""
_RATE_AT = 0.3
"""Share of the SynOps of the uniform network that the learning rate is found on."""

Predict = Callable[[Proposal, Outcome], float]


class Study:
    """One network and seed: what both forms need, made when it is asked for."""

    def __init__(self, some: Subject, seed: int) -> None:
        self._some, self._evaluator = some, some.evaluator
        self._rng = np.random.default_rng(seed)
        self.rate = find_rate(self._evaluator, self._evaluator.pruned(some.uniform(_RATE_AT)), quiet)
        self._pairs: list[Pair] = []

    def deliver(self, form: str, budget: int) -> dict[str, Any]:
        """Search, fine-tune what is found, and run the test samples."""
        target = budget / 100
        predict, path, batches = self._line() if form == "line" else self._lre(target)
        counts = self._searched(target, predict, path)
        outcome = self._evaluator.outcome(Proposal(counts))
        tuned = self._evaluator.tune(self._evaluator.pruned(counts), self._finish, seed=1)
        baseline = self._evaluator.baseline
        on_test = self._evaluator.measure_on_test(self._evaluator.measure(tuned.network).lowered)
        limit = target * baseline.chip_val.mean_synops
        return {
            "accuracy": on_test.accuracy,
            "on_test": on_test.mean_synops / limit,
            "predicted": predict(Proposal(counts), outcome) / target,
            "units": dict(counts),
            "batches": batches,
        }

    @property
    def _finish(self) -> FinetuneConfig:
        return replace(self._evaluator.options.finish, learning_rate=self.rate)

    def _line(self) -> tuple[Predict, GradualPath, int]:
        """Return the prediction of the paper's line, no path, and the batches that its pairs took."""
        evaluator, whole = self._evaluator, self._evaluator.baseline.chip_val.mean_synops
        while len(self._pairs) < _PAIRS:
            counts = self._some.drawn(self._rng)
            before = evaluator.outcome(Proposal(counts)).synops
            tuned = evaluator.tune(evaluator.pruned(counts), self._finish, seed=len(self._pairs))
            after = evaluator.measure(tuned.network).val.mean_synops / whole
            self._pairs.append(Pair(before, after, self._some.ratios(counts)))
        slope, intercept = LRE(tuple(self._pairs)).line
        batches = _PAIRS * self._finish.steps(len(evaluator.data.train))
        return lambda _, outcome: slope * outcome.synops + intercept, self._some.unpruned, batches

    def _lre(self, target: float) -> tuple[Predict, GradualPath, int]:
        """Return the prediction of LRE on the pairs of a gradual path, the path, and the batches that it took."""
        path = prune_gradually(self._evaluator, self._some.space, target, self.rate, quiet)
        lre = fit(path.pairs)
        return (
            lambda proposal, outcome: lre.predict(outcome.synops, self._some.ratios(proposal.counts)),
            path,
            path.end.steps,
        )

    def _searched(self, target: float, predict: Predict, path: GradualPath) -> KeepCounts:
        """Return the widths that the agent's reward is highest for."""
        evaluator, options = self._evaluator, self._evaluator.options
        task = Task(
            self._some.space,
            target,
            predict,
            options.episodes,
            importance=evaluator.importance,
            cost=evaluator.cost,
            known=(path.end.counts, self._some.uniform(target)),
            path=path,
            network=evaluator.baseline.network,
            data=evaluator.data,
            execution=evaluator.execution,
            training=self._finish,
            refine=lambda network: network,
            refining=0,
            tick=quiet,
        )
        method = Spear(task)
        while (proposal := method.ask()) is not None:
            method.tell(proposal, evaluator.outcome(proposal))
        return max(method.told, key=lambda told: method.merit(*told))[0].counts


def run(network: str, folder: Path | None, seeds: Sequence[int], budgets: Sequence[int]) -> None:
    """Run what is missing, and append each result as it comes."""
    for seed in seeds:
        found = {(each["network"], each["seed"], each["form"], each["budget"]) for each in known(RESULTS)}
        missing = [(f, b) for f in FORMS for b in budgets if (network, seed, f, b) not in found]
        if not missing:
            continue
        with subject(network, folder, seed) as some:
            study = Study(some, seed)
            for form, budget in missing:
                row = {"network": network, "seed": seed, "form": form, "budget": budget, **study.deliver(form, budget)}
                with RESULTS.open("a") as stream:
                    stream.write(json.dumps(row, sort_keys=True) + "\n")


def table(found: Sequence[Mapping[str, Any]], delivered: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield a table: how many runs exceed their budget on the test samples, by how much, and accuracy in per cent.

    ``delivered`` are the results of ``benchmarks.pruning``; of those only runs of the same networks and budgets count.
    """
    yield "| network | form | runs | above the budget | by, at most | SynOps / budget | accuracy |"
    yield "|---|---|---|---|---|---|---|"
    for network in dict.fromkeys(each["network"] for each in found):
        asked = {(each["budget"], each["seed"]) for each in found if each["network"] == network}
        rows = {form: [e for e in found if (e["network"], e["form"]) == (network, form)] for form in FORMS}
        rows[f"`{DELIVERED}`, measured"] = [
            each
            for each in delivered
            if (each["network"], each["method"]) == (network, DELIVERED)
            and (each["budget"], each["seed"]) in asked
            and "accuracy" in each
        ]
        for form, own in rows.items():
            if own:
                yield f"| {network} | {form} | " + " | ".join(_figures(own)) + " |"


def _figures(rows: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    uses = np.array([each["on_test"] for each in rows])
    above = uses > 1
    most = f"{100 * (uses.max() - 1):.1f} %" if above.any() else ""
    accuracies = [f"{100 * np.mean([each['accuracy'] for each in rows]):.1f}"]
    return (str(len(rows)), str(int(above.sum())), most, f"{uses.min():.2f} to {uses.max():.2f}", *accuracies)


def main() -> None:
    """Run what is missing and print the table."""
    given = study_arguments(__doc__, BUDGETS, SEEDS)
    if not given.table:
        run(given.network, given.data_dir, given.seeds, given.budgets)
    Console(width=160).print("\n".join(table(known(RESULTS), known(PRUNED))), markup=False, highlight=False)


if __name__ == "__main__":
    main()
