"""What pruning methods reach under a budget of SynOps: each alone, with the same steps of fine-tuning, in one table.

Each run is a whole search on one thread: learning rate, the method's networks, a comparison, the closing fine-tuning,
and then, once, the test samples.  Nothing is compared beside the method's own networks (``beside=()``), but in the rows
of ``default``, which is what ``spear-deploy deploy`` does.  ``uniform+``, and so with every method, is the same with
half as many steps more in the closing fine-tuning: about what the default costs.  Results are lines of JSON in
``benchmarks/results``; what is there already is not run again, so that the benchmark can be interrupted, and run in
parts.

    python -m benchmarks.pruning --network digits --jobs 2            # run what is missing, and print the table
    python -m benchmarks.pruning --network digits --budgets 15 --methods scratch gradual --seeds 0
    python -m benchmarks.pruning --network braille --data-dir DATA    # what examples.braille.prepare wrote
    python -m benchmarks.pruning --network deep --data-dir DATA       # what benchmarks.deep wrote
    python -m benchmarks.pruning --network cifar-vgg --data-dir DATA  # what benchmarks.cifar wrote
    python -m benchmarks.pruning --network drawn-deep --data-dir DATA # what benchmarks.drawn wrote
    python -m benchmarks.pruning --network nmnist --data-dir DATA     # nmnist_scnn.nir, and nmnist-small
    python -m benchmarks.pruning --table                              # print the tables of what is there
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from rich.console import Console
from scipy.stats import permutation_test

from spear_deploy.budgets import ask
from spear_deploy.data import DataOptions, Dataset, load_data
from spear_deploy.deployment.options import DeployOptions
from spear_deploy.deployment.run import run_steps
from spear_deploy.deployment.verdict import budget_rows
from spear_deploy.deployment.work import Work
from spear_deploy.errors import SpearError
from spear_deploy.execution import Execution
from spear_deploy.frontends import Imported, load
from spear_deploy.frontends.semantics import Semantics, from_toml, preset
from spear_deploy.parallel import Lost, Tell, run_all
from spear_deploy.progress import Progress
from spear_deploy.search.methods import METHODS
from spear_deploy.search.options import EFFORTS, SearchOptions
from spear_deploy.targets import LoweringOptions, load_chip

ROOT = Path(__file__).parent.parent
RESULTS = Path(__file__).parent / "results" / "pruning.jsonl"
BUDGETS, SEEDS = (70, 50, 30, 15, 5), (0, 1, 2)
_NIR = (preset("nir"), {"dt": 1e-4})
TRAINED: Mapping[str, tuple[tuple[Semantics, dict[str, Any]], int | None]] = {
    "deep": ((preset("snntorch"), {"reset": "zero"}), 4),
    "cifar-vgg": (_NIR, 4),
    "cifar-resnet": (_NIR, 4),
    "drawn-dense": (_NIR, None),
    "drawn-recurrent": (_NIR, None),
    "drawn-conv": (_NIR, 8),
    "drawn-deep": (_NIR, 4),
}
"""How networks are read that other benchmarks have trained, and their steps where samples have none."""
NETWORKS = ("digits", "fashion", "nmnist", "braille", *TRAINED)
DEFAULT = "default"
"""The name of the rows of what the tool does without options."""
LONGER = "+"
"""Ends the name of a method's rows whose closing fine-tuning lasts half as long again: about what the default costs."""
_ROWS = (DEFAULT, *(name + ending for name in METHODS.names() for ending in ("", LONGER)))
"""The rows of a table in order."""
TITLES = {
    "digits": "Digits, 2 convolutions",
    "fashion": "Fashion-MNIST, 2 convolutions",
    "cifar-vgg": "CIFAR-10, 8 convolutions",
    "nmnist": "N-MNIST, 3 convolutions",
    "braille": "Braille, recurrent",
}
"""What README tells of the networks that its readers may know, in its order."""


@dataclass(frozen=True)
class Run:
    """One run: a network, a method, a budget in per cent, a seed."""

    network: str
    method: str
    budget: int
    seed: int


def example(name: str, folder: Path | None) -> tuple[Imported, Dataset]:
    """Return a network and its data.

    ``folder`` holds Fashion-MNIST, or what ``examples.braille.prepare``, ``benchmarks.deep`` or ``benchmarks.cifar``
    wrote, or N-MNIST's network and its folder ``nmnist-small``.
    """
    if name == "nmnist":
        assert folder is not None, "--data-dir is needed: a folder with nmnist_scnn.nir and nmnist-small"
        imported = load(folder / "nmnist_scnn.nir", preset("nir"), {"dt": 1.0})
        events = DataOptions(folder=folder, network=imported.network.ends, bin_ms=10.0)
        return imported, load_data("nmnist-small", events)
    files = {"digits": "digits/digits.nir", "fashion": "fashion_mnist/fashion_mnist.nir"}
    if name not in files:
        assert folder is not None, f"--data-dir is needed: a folder with {name}.nir and {name}.npz"
        own, steps = TRAINED.get(name, ((None, {}), None))
        imported = load(folder / f"{name}.nir", *own)
        return imported, load_data(str(folder / f"{name}.npz"), DataOptions(network=imported.network.ends, steps=steps))
    path = ROOT / "examples" / files[name]
    imported = load(path, from_toml(path.parent / "semantics.toml"))
    data = "fashion-mnist" if name == "fashion" else name
    return imported, load_data(data, DataOptions(folder=folder, network=imported.network.ends))


def result(run: Run, tell: Tell, *, folder: Path | None) -> dict[str, Any]:
    """Carry out a run and return its figures; it tells nothing on the way."""
    imported, data = example(run.network, folder)
    with TemporaryDirectory() as output:
        asked = DeployOptions(
            Path(output) / "out",
            ask({"synops": f"{run.budget}%"}),
            LoweringOptions(),
            search=search_options(run.method),
            execution=Execution(seed=run.seed),
            allow_loss=True,  # Braille's 315 steps decide near ties otherwise in integers; accuracy tells what it costs
            until="search",
        )
        work = Work(imported=imported, data=data, chip=load_chip("loihi2"), options=asked)
        started = time.process_time()
        try:
            done = run_steps(work, Progress(Console(quiet=True)))
        except SpearError as error:
            seconds = time.process_time() - started
            return {**asdict(run), "error": error.findings[0].code, "seconds": round(seconds, 1)}
    return {**asdict(run), **figures(done), "seconds": round(time.process_time() - started, 1)}


def search_options(name: str) -> SearchOptions:
    """Return how the search of a table's row runs."""
    usual = EFFORTS["normal"]
    if name == DEFAULT:
        return usual
    alone = replace(usual, method=name.removesuffix(LONGER), beside=())
    return replace(alone, finish=alone.finish.scaled(1.5)) if name.endswith(LONGER) else alone


def figures(work: Work) -> dict[str, Any]:
    """Return what a deployment came to."""
    assert work.on_test is not None
    assert work.baseline is not None
    row = next(row for row in budget_rows(work) if row.budget.resource.name == "synops")
    found: dict[str, Any] = {
        "accuracy": work.on_test.activity.accuracy,
        "float": work.baseline.float_test.accuracy,
        "within": row.within,
        "bound": row.judged / row.budget.limit,
        "on_test": row.measured / row.budget.limit,
    }
    if work.search is not None:
        candidate = work.search.candidate
        found |= {
            "of": candidate.option.of,
            "units": {name: len(units) for name, units in candidate.option.kept.items()},
            "networks": len(work.search.compared),
            "rate": work.search.rate,
            "mape": work.search.lre.mape,
        }
    return found


def known(path: Path) -> list[dict[str, Any]]:
    """Return the results that there are."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []


def missing(runs: Sequence[Run], found: Sequence[Mapping[str, Any]]) -> list[Run]:
    """Return the runs without a result."""
    done = {Run(each["network"], each["method"], each["budget"], each["seed"]) for each in found}
    return [run for run in runs if run not in done]


def carry_out(runs: Sequence[Run], folder: Path | None, jobs: int) -> None:
    """Carry out runs in ``jobs`` processes, and append each result as it comes; one whose process dies has none."""
    RESULTS.parent.mkdir(exist_ok=True)
    named = {f"{run.network} {run.method} {run.budget} % seed {run.seed}": run for run in runs}
    ended = 0

    def done(name: str, figures: dict[str, Any] | Lost) -> None:
        nonlocal ended
        ended += 1
        if isinstance(figures, Lost):
            sys.stderr.write(f"{name}: its process ended twice, at last by {figures.how}\n")
            return
        with RESULTS.open("a") as stream:
            stream.write(json.dumps(figures, sort_keys=True) + "\n")
        sys.stderr.write(f"{ended}/{len(runs)}\r")

    run_all(partial(result, folder=folder), named, jobs, done=done)


def tables(found: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield a table for each network, as Markdown: accuracy in per cent, mean and standard deviation over the seeds."""
    for network in dict.fromkeys(each["network"] for each in found):
        rows = [each for each in found if each["network"] == network]
        budgets = sorted({each["budget"] for each in rows}, reverse=True)
        methods = [name for name in _ROWS if any(each["method"] == name for each in rows)]
        unpruned = next((f" (unpruned {100 * each['float']:.1f} %)" for each in rows if "float" in each), "")
        yield f"### {network}{unpruned}\n"
        heads = [*(f"{budget} %" for budget in budgets), "default is ahead by", "test SynOps / budget", "CPU s"]
        yield "| method | " + " | ".join(heads) + " |"
        yield "|---|" + "---|" * len(heads)
        for method in methods:
            own = [each for each in rows if each["method"] == method]
            cells = [cell([each for each in own if each["budget"] == budget]) for budget in budgets]
            uses = [each["on_test"] for each in own if each.get("within")]
            use = f"{np.median(uses):.3f}, at most {max(uses):.3f}" if uses else ""
            seconds = f"{np.mean([each['seconds'] for each in own]):,.0f}"
            yield f"| `{method}` | " + " | ".join((*cells, ahead(rows, own), use, seconds)) + " |"
        yield ""


def headline(found: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the table that README leads with, as Markdown: test accuracy of the default, and of uniform widths.

    The latter are fine-tuned longer, at about the default's cost, where that was run.  A row for each network that both
    were run on, a column for each budget.
    """
    names = (DEFAULT, "uniform" + LONGER, "uniform")
    rows = {name: [each for each in found if each["method"] == name] for name in names}
    simplest = [*rows["uniform" + LONGER], *rows["uniform"]]
    budgets = sorted({each["budget"] for each in simplest}, reverse=True)
    yield "| network | as trained | " + " | ".join(f"{budget} % of SynOps" for budget in budgets) + " |"
    yield "|---" * (2 + len(budgets)) + "|"
    compared = {each["network"] for each in simplest}
    for network, title in ((name, title) for name, title in TITLES.items() if name in compared):
        ours, longer, usual = ([each for each in rows[name] if each["network"] == network] for name in names)
        cells = []
        for budget in budgets:
            uniform = _mean_accuracy(longer, budget)
            pair = [_mean_accuracy(ours, budget), _mean_accuracy(usual, budget) if uniform is None else uniform]
            cells.append("" if None in pair else " / ".join(f"{each:.1f}" for each in pair))
        yield f"| {title} | {100 * ours[0]['float']:.1f} | " + " | ".join(cells) + " |"


def _mean_accuracy(rows: Sequence[Mapping[str, Any]], budget: int) -> float | None:
    """Return the mean accuracy, in per cent, of runs that kept a budget; None where there is none."""
    kept = [100 * each["accuracy"] for each in rows if each["budget"] == budget and each.get("within")]
    return float(np.mean(kept)) if kept else None


def ahead(rows: Sequence[Mapping[str, Any]], own: Sequence[Mapping[str, Any]]) -> str:
    """Return by how many points the default is better than a method: mean and standard error of pairs of runs.

    A pair is of the same budget and seed, both within the budget.  p is that of a mean difference as large by chance:
    what signs the differences have is permuted (Fisher's randomisation test, two-sided), exactly up to 13 pairs.
    """
    default = {
        (each["budget"], each["seed"]): each for each in rows if each["method"] == DEFAULT and each.get("within")
    }
    pairs = [(default.get((each["budget"], each["seed"])), each) for each in own if each.get("within")]
    gains = [100 * (best["accuracy"] - each["accuracy"]) for best, each in pairs if best is not None]
    if len(gains) < 2 or own[0]["method"] == DEFAULT:
        return ""
    error = np.std(gains, ddof=1) / len(gains) ** 0.5
    by_chance = permutation_test((gains,), np.mean, permutation_type="samples", random_state=0).pvalue
    return f"{np.mean(gains):+.1f} ± {error:.1f} ({len(gains)} pairs, p = {by_chance:.2g})"


def cell(runs: Sequence[Mapping[str, Any]]) -> str:
    """Return accuracy of the runs within the budget, and how many there are where some are not."""
    within = [100 * each["accuracy"] for each in runs if each.get("within")]
    if not runs:
        return ""
    if not within:
        return f"0 of {len(runs)}"
    spread = f" ± {np.std(within, ddof=1):.1f}" if len(within) > 1 else ""
    missed = f" ({len(within)} of {len(runs)})" if len(within) < len(runs) else ""
    return f"{np.mean(within):.1f}{spread}{missed}"


def main() -> None:
    """Run what is missing and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", choices=NETWORKS, default="digits")
    parser.add_argument("--methods", nargs="+", default=[DEFAULT, *METHODS.names()])
    parser.add_argument("--budgets", nargs="+", type=int, default=BUDGETS)
    parser.add_argument("--seeds", nargs="+", type=int, default=SEEDS)
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--table", action="store_true", help="run nothing")
    given = parser.parse_args()
    if not given.table:
        runs = [Run(given.network, m, b, s) for s in given.seeds for b in given.budgets for m in given.methods]
        carry_out(missing(runs, known(RESULTS)), given.data_dir, given.jobs)
    Console(width=160).print("\n".join(tables(known(RESULTS))), markup=False, highlight=False)


if __name__ == "__main__":
    main()
