"""The tables of the pruning benchmark: what README leads with says what was measured, and nothing of other runs."""

from __future__ import annotations

from benchmarks.pruning import headline


def run(network: str, method: str, budget: int, accuracy: float, *, within: bool = True) -> dict[str, object]:
    found = {"network": network, "method": method, "budget": budget, "accuracy": accuracy, "float": 0.9}
    return {**found, "within": within}


def test_the_headline_compares_the_default_with_uniform_widths() -> None:
    """Means over the runs that kept their budget; a cell without such runs of both, and a network, stay out."""
    found = [
        run("digits", "default", 50, 0.8),
        run("digits", "default", 50, 0.9),
        run("digits", "default", 50, 0.1, within=False),
        run("digits", "uniform", 50, 0.1),
        run("digits", "uniform+", 50, 0.7),
        run("digits", "uniform+", 15, 0.6),
        run("deep", "default", 50, 0.5),
        run("braille", "default", 50, 0.5),
        run("braille", "uniform", 50, 0.4),
    ]
    assert list(headline(found)) == [
        "| network | as trained | 50 % of SynOps | 15 % of SynOps |",
        "|---|---|---|---|",
        "| Digits, 2 convolutions | 90.0 | 85.0 / 70.0 |  |",
        "| Braille, recurrent | 90.0 | 50.0 / 40.0 |  |",
    ]
