"""Which score of widths, taken before any training, tells how accurate the network will be?

Widths of about equal SynOps are drawn at random: a ratio for each group, evenly in its logarithm, then all ratios
multiplied by what brings the network to the budget.  Each network is fine-tuned for a quarter of the closing
fine-tuning (216 batches at most), without pressing its SynOps, and measured on the test samples as the chip's integers.
For each score: its rank correlation with that accuracy, and which place the network that it likes best has among all.

``sum``     share of all importance that is kept (first-order Taylor on spikes)
``product`` geometric mean over the groups of the share of their importance that is kept
``widths``  sum of the logarithms of the widths, which takes no measurement
``narrow``  the smallest share of importance that a group keeps

    python -m benchmarks.scores --network digits --budgets 15 5      # run what is missing, and print the table
    python -m benchmarks.scores --table
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from scipy.stats import spearmanr

from benchmarks.evaluators import Subject, subject
from benchmarks.pruning import NETWORKS, known
from spear_deploy.search.rate import find_rate
from spear_deploy.search.space import KeepCounts

RESULTS = Path(__file__).parent / "results" / "scores.jsonl"
BUDGETS = (15, 5)
SCORES = ("sum", "product", "widths", "narrow")
_NETWORKS, _NEAR, _PART, _MOST_STEPS, _TRIES = 24, 0.1, 0.25, 216, 5000


def drawn(some: Subject, target: float, rng: np.random.Generator) -> list[KeepCounts]:
    """Return different widths within a tenth of a target share of the SynOps."""
    found: list[KeepCounts] = []
    for _ in range(_TRIES):
        counts = _at(some, rng.uniform(-3.0, 0.0, len(some.space.groups)), target)
        if abs(_share(some, counts) / target - 1) <= _NEAR and counts not in found:
            found.append(counts)
        if len(found) == _NETWORKS:
            break
    return found


def _at(some: Subject, logs: NDArray[np.float64], target: float) -> KeepCounts:
    """Return the widths of these log ratios, shifted by what brings them to the target (bisection)."""
    low, high = -4.0, 4.0
    for _ in range(24):
        middle = (low + high) / 2
        low, high = (middle, high) if _share(some, some.of_logs(logs + middle)) <= target else (low, middle)
    return some.of_logs(logs + low)


def _share(some: Subject, counts: KeepCounts) -> float:
    evaluator = some.evaluator
    return evaluator.cost.of(evaluator.kept_units(counts)) / evaluator.cost.total


def scores(some: Subject, counts: KeepCounts) -> dict[str, float]:
    """Return what each score says of widths."""
    importance, kept = some.evaluator.importance, some.evaluator.kept_units(counts)
    held = {name: float(importance[name][units].sum()) for name, units in kept.items()}
    shares = np.array([held[name] / max(float(importance[name].sum()), 1e-12) for name in kept])
    return {
        "sum": sum(held.values()) / sum(float(importance[name].sum()) for name in kept),
        "product": float(np.exp(np.mean(np.log(np.maximum(shares, 1e-12))))),
        "widths": float(np.sum(np.log([counts[name] for name in kept]))),
        "narrow": float(shares.min()),
    }


def run(network: str, folder: Path | None, budgets: Sequence[int]) -> None:
    """Run what is missing, and append the networks of each budget when they are done."""
    done = {(each["network"], each["budget"]) for each in known(RESULTS)}
    missing = [budget for budget in budgets if (network, budget) not in done]
    if not missing:
        return
    with subject(network, folder, 0) as some:
        evaluator = some.evaluator
        for budget in missing:
            target, finish = budget / 100, evaluator.options.finish
            rate = find_rate(evaluator, evaluator.pruned(some.uniform(target)), lambda done, total: None)
            steps = min(_MOST_STEPS, round(_PART * finish.steps(len(evaluator.data.train))))
            config, rows = replace(finish.lasting(steps), learning_rate=rate), []
            for counts in drawn(some, target, np.random.default_rng(budget)):
                tuned = evaluator.tune(evaluator.pruned(counts), config, seed=1).network
                accuracy = evaluator.measure_on_test(evaluator.measure(tuned).lowered).accuracy
                rows.append({"units": dict(counts), "accuracy": accuracy, **scores(some, counts)})
            with RESULTS.open("a") as stream:
                row = {"network": network, "budget": budget, "steps": steps, "rate": rate, "networks": rows}
                stream.write(json.dumps(row, sort_keys=True) + "\n")


def table(found: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield a table: for each score its rank correlation, and the place of its favourite among all networks."""
    yield "| network | budget | networks | accuracy | " + " | ".join(f"`{name}`" for name in SCORES) + " |"
    yield "|---|---|---|---|" + "---|" * len(SCORES)
    for each in found:
        accuracy = np.array([row["accuracy"] for row in each["networks"]])
        cells = []
        for name in SCORES:
            values = np.array([row[name] for row in each["networks"]])
            place = 1 + int(np.sum(accuracy > accuracy[values.argmax()]))
            cells.append(f"{spearmanr(values, accuracy).statistic:+.2f}, {place}.")
        spread = f"{100 * accuracy.min():.1f} to {100 * accuracy.max():.1f} %"
        yield f"| {each['network']} | {each['budget']} % | {len(accuracy)} | {spread} | " + " | ".join(cells) + " |"


def main() -> None:
    """Run what is missing and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", choices=NETWORKS, default="digits")
    parser.add_argument("--budgets", nargs="+", type=int, default=BUDGETS)
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--table", action="store_true", help="run nothing")
    given = parser.parse_args()
    if not given.table:
        run(given.network, given.data_dir, given.budgets)
    Console(width=160).print("\n".join(table(known(RESULTS))), markup=False, highlight=False)


if __name__ == "__main__":
    main()
