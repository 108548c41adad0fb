"""The table of the benchmark of quantisation: what it says of results, made by hand and those that are checked in."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.quantisation import CHIP, NOT, PLANS, RESULTS, Run, known, missing, table


def row(bits: int | None, trained: str, seed: int | None, accuracy: float) -> dict[str, object]:
    run = {"network": "digits", "bits": bits, "trained": trained, "seed": seed}
    return {**run, "accuracy": accuracy, "synops": 1000.0, "samples": 400}


def test_bars_are_held_against_the_mean_of_the_seeds():
    """0.9 of 400 samples has a standard error of 1.5 points: two of them may be lost at 8 bits, three points at 2."""
    found = [row(None, NOT, None, 0.9), row(8, CHIP, 0, 0.88), row(8, CHIP, 1, 0.86), row(2, CHIP, 0, 0.865)]
    lines = table(found).splitlines()[2:]
    assert lines[0] == "| digits | float | not |  | 90.00 % |  | 1.50 |  | 1,000 |"
    assert lines[1] == "| digits | 8 | as the chip | 2 | 87.00 % (86.00 to 88.00) | +3.00 | 1.50 | 3.00 kept | 1,000 |"
    assert lines[2] == "| digits | 2 | as the chip | 1 | 86.50 % | +3.50 | 1.50 | 3.00 **missed** | 1,000 |"


@pytest.mark.parametrize("name", PLANS)
def test_what_is_there_is_not_run_again(name):
    """Each run once, whose keys tell it from the others."""
    runs = [*PLANS[name].runs(name)]
    assert len({*runs}) == len(runs) == 1 + 7 * len(PLANS[name].bits)
    assert missing(runs, [vars(run) for run in runs[1:]]) == runs[:1]
    assert missing(runs, [vars(replace(runs[0], network="another"))]) == runs


def test_results_are_of_the_plans():
    """What is checked in was made with as many steps as the plans say, each once."""
    found = known(RESULTS)
    runs = [Run(each["network"], each["bits"], each["trained"], each["seed"]) for each in found]
    assert len({*runs}) == len(runs) > 0
    for run, each in zip(runs, found, strict=True):
        assert run in [*PLANS[run.network].runs(run.network)]
        assert each["steps"] == (0 if run.seed is None else PLANS[run.network].steps[run.bits])
