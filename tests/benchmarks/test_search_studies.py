"""The studies of the search's parts: what their tables say of results made by hand, and that what is there is whole."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import agent, lre, published
from benchmarks.pruning import known
from spear_deploy.search.methods.spear.method import Spear
from tests.search.methods.synthetic import run, synthetic


def test_published_counts_what_exceeds_its_budget():
    """Of measured runs only those of the same budgets and seeds stand beside them."""
    row = {"network": "digits", "form": "line", "accuracy": 0.9}
    found = [
        {**row, "budget": 50, "seed": 0, "on_test": 1.12},
        {**row, "budget": 30, "seed": 0, "on_test": 0.8},
    ]
    measured = {"network": "digits", "method": "spear", "seed": 0, "accuracy": 0.95}
    delivered = [
        {**measured, "budget": 50, "on_test": 0.97},
        {**measured, "budget": 50, "on_test": 9.0, "seed": 1},
        {**measured, "budget": 50, "on_test": 9.0, "method": "uniform"},
        {"network": "digits", "method": "spear", "budget": 30, "seed": 0, "error": "E041"},
    ]
    lines = [*published.table(found, delivered)][2:]
    assert lines == [
        "| digits | line | 2 | 1 | 12.0 % | 0.80 to 1.12 | 90.0 |",
        "| digits | `spear`, measured | 1 | 0 |  | 0.97 to 0.97 | 95.0 |",
    ]


def test_lre_is_held_against_pairs_that_it_has_not_seen():
    """Twelve pairs are learnt from, the path's first; an exact line is predicted exactly by the line."""
    rng = np.random.default_rng(0)
    before = rng.uniform(0.3, 0.6, 30)
    pairs = [["path", b, 0.8 * b + 0.01, b] for b in before[:5]]
    pairs += [["promising", b, 0.8 * b + 0.01, b] for b in before[5:]]
    pairs += [["random", b, 0.8 * b + 0.01, b] for b in rng.uniform(0.1, 0.9, 12)]
    row = {"network": "digits", "seed": 0, "budget": 50, "pairs": pairs}
    held_out, predicted, holds = lre.predictions(row)
    assert len(held_out) == len(holds) == 30 - lre.LEARNT
    for way in ("the paper's line, on the same", "the paper's line, on random networks"):
        assert np.allclose(predicted[way], [pair.post for pair in held_out])
    assert np.mean(np.abs(np.array(predicted["no change"]) / [p.post for p in held_out] - 1)) > 0.1
    (line,) = [each for each in lre.table([row]) if "| 50 % |" in each]
    assert line.startswith(f"| digits | 50 % | {30 - lre.LEARNT} |")


def test_lre_learns_from_other_budgets_only_where_the_column_says_so():
    """An exact law at one budget, another at the other: its own path predicts exactly, both together do not."""
    rng = np.random.default_rng(0)

    def row(budget: int, factor: float) -> dict[str, object]:
        before = rng.uniform(0.3, 0.6, 40)
        pairs = [["path" if i < 20 else "promising", b, factor * b, b] for i, b in enumerate(before)]
        return {"network": "digits", "seed": 0, "budget": budget, "pairs": pairs}

    _, _, larger, smaller = lre.shared([row(50, 0.8), row(15, 1.2)])
    own, with_larger, with_all = (float(cell) for cell in larger.split("|")[4:7])
    assert own == with_larger < 1 < with_all
    own, with_larger, with_all = (float(cell) for cell in smaller.split("|")[4:7])
    assert own < 1 < with_larger == with_all


@pytest.mark.parametrize("name", [name for name, (_, episodes) in agent.VARIANTS.items() if episodes == 160])
def test_variants_of_the_agent_are_variants(name):
    """Each of them searches, and all but the first do something else than the agent as it is."""
    make, _ = agent.VARIANTS[name]
    task = synthetic(3, 0.3, evaluations=30)
    told = [dict(proposal.counts) for proposal, _ in run(make(task.task), task)]
    usual = [dict(proposal.counts) for proposal, _ in run(Spear(task.task), task)]
    assert len(told) == len(usual) == 30
    assert (told == usual) == (name == "as it is")


@pytest.mark.parametrize("study", [agent, lre, published])
def test_results_are_there_once(study):
    """No run is checked in twice, and its table has a line for each that is there."""
    found = known(study.RESULTS)
    keys = [
        tuple(each[k] for k in ("network", "variant", "form", "groups", "budget", "target", "seed") if k in each)
        for each in found
    ]
    assert len(set(keys)) == len(keys) > 0
