"""What LRE predicts of networks that it has not seen: mean error, and how often its interval holds what came out.

For each network, seed and budget the gradual path to the budget is walked, as every search does.  Then *promising*
networks, those that a search would fine-tune, are drawn and fine-tuned as between the path's stages: widths between
the path's end and uniform ones, each ratio off by a factor of exp(0.15 z), within 30 % of the budget before that.
LRE learns from the path and from as many of these as make twelve fine-tuned networks in all; it is held against the
others.  Beside it stand the same twelve pairs under other predictions: *no change*, and the paper's line; and the line
on twelve networks of random widths, as the paper draws them.

An interval promises its coverage for networks like those that it has learnt from.  A path's are not quite like the
others: each was cut from a network that was fine-tuned already.  So the promising networks are also divided into twelve
to learn from and the others, twenty times at random: what LRE and its interval are worth on their own terms.

    python -m benchmarks.lre --network digits        # run what is missing, and print the table
    python -m benchmarks.lre --table
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from benchmarks.evaluators import Subject, quiet, study_arguments, subject
from benchmarks.pruning import known
from spear_deploy.search.gradual import between_stages, prune_gradually
from spear_deploy.search.lre import LRE, Pair, fit
from spear_deploy.search.methods import Proposal
from spear_deploy.search.rate import find_rate
from spear_deploy.search.space import KeepCounts

RESULTS = Path(__file__).parent / "results" / "lre.jsonl"
BUDGETS, SEEDS = (50, 30, 15), (0, 1)
LEARNT = 12
"""Fine-tuned networks that a prediction may learn from."""
_PROMISING, _RANDOM = 60, LEARNT
_NOISE, _NEAR = 0.15, 0.3
_DIVISIONS = 20
_COUNTS = (2, 3, 6, 12, 24, 40)
CONFIDENCE = 0.9
PATH, PROMISING, RANDOM = "path", "promising", "random"
"""Where a pair comes from."""


def pairs_of(some: Subject, seed: int, budget: int) -> Iterator[tuple[str, Pair]]:
    """Yield where each fine-tuned network comes from, and its pair."""
    evaluator, target, rng = some.evaluator, budget / 100, np.random.default_rng([seed, budget])
    rate = find_rate(evaluator, evaluator.pruned(some.uniform(target)), quiet)
    path = prune_gradually(evaluator, some.space, target, rate, quiet)
    yield from ((PATH, pair) for pair in path.pairs)
    config, whole = between_stages(evaluator.options, rate), evaluator.cost.total

    def pair(counts: KeepCounts) -> Pair:
        before = evaluator.outcome(Proposal(counts)).synops
        tuned = evaluator.tune_roughly(evaluator.pruned(counts), config)
        return Pair(before, evaluator.cost_in(tuned).total / whole, some.ratios(counts))

    ends = [np.log(some.ratios(counts)) for counts in (path.end.counts, some.uniform(target))]
    for counts in _until(_PROMISING, lambda: some.of_logs(_between(ends, rng)), lambda c: _is_near(some, c, target)):
        yield PROMISING, pair(counts)
    for counts in _until(_RANDOM, lambda: some.drawn(rng), lambda _: True):
        yield RANDOM, pair(counts)


def _between(ends: Sequence[Any], rng: np.random.Generator) -> Any:
    part = rng.uniform()
    return part * ends[0] + (1 - part) * ends[1] + _NOISE * rng.standard_normal(len(ends[0]))


def _is_near(some: Subject, counts: KeepCounts, target: float) -> bool:
    return abs(some.evaluator.outcome(Proposal(counts)).synops / target - 1) <= _NEAR


def _until(
    count: int, draw: Callable[[], KeepCounts], takes: Callable[[KeepCounts], bool], tries: int = 10_000
) -> Iterator[KeepCounts]:
    """Yield so many different widths that are taken, or fewer where there are none left."""
    seen: list[KeepCounts] = []
    for _ in range(tries):
        drawn = draw()
        if drawn not in seen and takes(drawn):
            seen.append(drawn)
            yield drawn
        if len(seen) == count:
            break


def run(network: str, folder: Path | None, seeds: Sequence[int], budgets: Sequence[int]) -> None:
    """Run what is missing, and append the pairs of each budget when it is done."""
    for seed in seeds:
        found = {(each["network"], each["seed"], each["budget"]) for each in known(RESULTS)}
        missing = [budget for budget in budgets if (network, seed, budget) not in found]
        if missing:
            with subject(network, folder, seed) as some:
                for budget in missing:
                    pairs = [[of, p.pre, p.post, *p.ratios] for of, p in pairs_of(some, seed, budget)]
                    row = {"network": network, "seed": seed, "budget": budget, "pairs": pairs}
                    with RESULTS.open("a") as stream:
                        stream.write(json.dumps(row, sort_keys=True) + "\n")


def predictions(row: Mapping[str, Any]) -> tuple[list[Pair], dict[str, list[float]], list[bool]]:
    """Return the held-out pairs of a row, what each way predicts of them, and whether LRE's interval holds them."""
    by = {origin: _of(row, origin) for origin in _ORIGINS}
    also = max(0, LEARNT - len(by[PATH]))
    learnt, held_out = [*by[PATH], *by[PROMISING][:also]], by[PROMISING][also:]
    lre, line, of_random = fit(learnt), LRE(tuple(learnt)).line, LRE(tuple(by[RANDOM])).line
    predicted = {
        "LRE": [lre.predict(pair.pre, pair.ratios) for pair in held_out],
        "no change": [pair.pre for pair in held_out],
        "the paper's line, on the same": [line[0] * pair.pre + line[1] for pair in held_out],
        "the paper's line, on random networks": [of_random[0] * pair.pre + of_random[1] for pair in held_out],
    }
    ends = [lre.interval(pair.pre, pair.ratios, CONFIDENCE) for pair in held_out]
    holds = [low <= pair.post <= high for (low, high), pair in zip(ends, held_out, strict=True)]
    return held_out, predicted, holds


_ORIGINS = (PATH, PROMISING, RANDOM)


def divided(row: Mapping[str, Any]) -> tuple[list[float], list[bool]]:
    """Return LRE's errors, as shares, and whether its interval holds, over random divisions of promising networks."""
    pairs = _of(row, PROMISING)
    rng, errors, holds = np.random.default_rng(0), list[float](), list[bool]()
    for _ in range(_DIVISIONS):
        order = rng.permutation(len(pairs))
        lre = fit([pairs[index] for index in order[:LEARNT]])
        for index in order[LEARNT:]:
            pair = pairs[index]
            low, high = lre.interval(pair.pre, pair.ratios, CONFIDENCE)
            errors.append(lre.predict(pair.pre, pair.ratios) / pair.post - 1)
            holds.append(low <= pair.post <= high)
    return errors, holds


def table(found: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield a table: mean absolute error in per cent of each way, and the coverage of LRE's interval.

    The last two columns are of the random divisions.
    """
    ways = ("LRE", "no change", "the paper's line, on the same", "the paper's line, on random networks")
    heads = ("network", "budget", "held out", *ways, "interval of 90 % holds", "LRE of twelve alike", "holds")
    yield "| " + " | ".join(heads) + " |"
    yield "|" + "---|" * len(heads)
    for network in dict.fromkeys(each["network"] for each in found):
        own = [(each["budget"], predictions(each), divided(each)) for each in found if each["network"] == network]
        for budget in (*sorted({each[0] for each in own}, reverse=True), None):
            rows = [predicted for of, predicted, _ in own if budget in (None, of)]
            after = np.array([pair.post for pairs, _, _ in rows for pair in pairs])
            errors = [np.concatenate([predicted[way] for _, predicted, _ in rows]) / after - 1 for way in ways]
            cells = [f"{100 * np.mean(np.abs(each)):.1f}" for each in errors]
            coverage = f"{100 * np.mean([hold for _, _, holds in rows for hold in holds]):.0f} %"
            alike = [of_divisions for of, _, of_divisions in own if budget in (None, of)]
            of_alike = f"{100 * np.mean(np.abs(np.concatenate([errors for errors, _ in alike]))):.1f}"
            alike_holds = f"{100 * np.mean(np.concatenate([holds for _, holds in alike])):.0f} %"
            said = "all" if budget is None else f"{budget} %"
            told = (network, said, str(len(after)), *cells, coverage, of_alike, alike_holds)
            yield "| " + " | ".join(told) + " |"


def curve(found: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield a table: mean absolute error in per cent by the number of pairs that are learnt from, LRE / the line.

    Promising networks alone, divided at random, the same divisions for each number.
    """
    yield "| network | " + " | ".join(f"{count} pairs" for count in _COUNTS) + " |"
    yield "|---|" + "---|" * len(_COUNTS)
    for network in dict.fromkeys(each["network"] for each in found):
        errors: dict[tuple[int, str], list[float]] = {}
        for row in (each for each in found if each["network"] == network):
            pairs = _of(row, PROMISING)
            rng = np.random.default_rng(0)
            for order in (rng.permutation(len(pairs)) for _ in range(_DIVISIONS)):
                for count in _COUNTS:
                    lre = fit([pairs[index] for index in order[:count]])
                    slope, intercept = lre.line
                    for pair in (pairs[index] for index in order[max(_COUNTS) :]):
                        ends = lre.predict(pair.pre, pair.ratios), slope * pair.pre + intercept
                        for way, predicted in zip(("LRE", "line"), ends, strict=True):
                            errors.setdefault((count, way), []).append(abs(predicted / pair.post - 1))
        cells = [" / ".join(f"{100 * np.mean(errors[count, way]):.1f}" for way in ("LRE", "line")) for count in _COUNTS]
        yield f"| {network} | " + " | ".join(cells) + " |"


def shared(found: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield a table: mean absolute error in per cent, by whether LRE learns from the paths of other budgets too.

    Of the same network and seed, held against the promising networks of the budget.
    """
    ways: dict[str, Callable[[int, int], bool]] = {
        "its own path": lambda own, other: other == own,
        "paths of larger budgets too": lambda own, other: other >= own,
        "paths of all budgets": lambda own, other: True,
    }
    yield "| network | budget | fine-tuned networks of its own path | " + " | ".join(ways) + " |"
    yield "|---|---|---|" + "---|" * len(ways)
    for network in dict.fromkeys(each["network"] for each in found):
        rows = [each for each in found if each["network"] == network]
        for budget in sorted({each["budget"] for each in rows}, reverse=True):
            errors: dict[str, list[float]] = {way: [] for way in ways}
            paths = list[int]()
            for row in (each for each in rows if each["budget"] == budget):
                paths.append(len(_of(row, PATH)))
                siblings = [each for each in rows if each["seed"] == row["seed"]]
                for way, takes in ways.items():
                    lre = fit([p for each in siblings if takes(budget, each["budget"]) for p in _of(each, PATH)])
                    predicted = [(lre.predict(p.pre, p.ratios), p.post) for p in _of(row, PROMISING)]
                    errors[way] += [abs(expected / after - 1) for expected, after in predicted]
            cells = [f"{100 * np.mean(each):.1f}" for each in errors.values()]
            yield f"| {network} | {budget} % | {np.mean(paths):.0f} | " + " | ".join(cells) + " |"


def _of(row: Mapping[str, Any], origin: str) -> list[Pair]:
    """Return the pairs of a row that come from ``origin``."""
    return [Pair(pre, post, tuple(ratios)) for of, pre, post, *ratios in row["pairs"] if of == origin]


def main() -> None:
    """Run what is missing and print the table."""
    given = study_arguments(__doc__, BUDGETS, SEEDS)
    if not given.table:
        run(given.network, given.data_dir, given.seeds, given.budgets)
    found = known(RESULTS)
    lines = (*table(found), "", *curve(found), "", *shared(found))
    Console(width=200).print("\n".join(lines), markup=False, highlight=False)


if __name__ == "__main__":
    main()
