"""The benchmark of one file on all chips: its rows, and that what is checked in is what chips say today."""

from __future__ import annotations

from pathlib import Path

from benchmarks.one_file import CHIPS, PLANS, RESULTS, asked, example, known, tables


def test_a_row_tells_what_was_measured_or_what_is_in_the_way() -> None:
    """Accuracies of the three stages, energy between two figures or none; codes where a chip says no."""
    stage = {"accuracy": 0.9, "synops": 1234.5, "cores": 3, "energy": None}
    fine = stage | {"accuracy": 0.955, "energy": [1e-6, 2.5e-6]}
    took = {"network": "digits", "chip": "loihi1", "answer": "yes", "codes": []}
    found = [
        took | {"float": stage, "lowered": stage, "fine_tuned": fine},
        {"network": "digits", "chip": "speck2f", "answer": "no", "codes": ["E033"]},
    ]
    rows = tables(found).splitlines()
    assert "| [`loihi1`](chips/loihi1.md) | yes | 90.0% | 90.0% | 95.5% | 1,234 | 3 | 1.0 to 2.5 uJ |  |" in rows
    assert "| [`speck2f`](chips/speck2f.md) | no |  |  |  |  |  |  | [E033](reference/errors/E033.md) |" in rows


def test_each_network_was_held_against_each_chip_once() -> None:
    """Nothing is left to measure."""
    pairs = [(each["network"], each["chip"]) for each in known(RESULTS)]
    assert sorted(pairs) == sorted((name, chip) for name in PLANS for chip in CHIPS)


def test_answers_are_those_of_today() -> None:
    """A rule that changes makes the results stale."""
    imported, data = example("digits", Path(), Path())
    for each in known(RESULTS):
        if each["network"] == "digits":
            check = asked(each["chip"], imported, data)
            codes = sorted({finding.code for finding in check.findings})
            assert (each["answer"], each["codes"]) == (check.answer, codes), each["chip"]
