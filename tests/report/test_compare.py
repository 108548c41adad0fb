"""Two reports side by side, against what was changed by hand."""

from __future__ import annotations

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spear_deploy.errors import InputError
from spear_deploy.report.compare import FIGURES, Tolerance, compare, error_beyond, markdown


@pytest.fixture
def changed(report):
    """A second report: less accurate, busier, wider, with a budget missed."""
    after = copy.deepcopy(report)
    after["accuracy"]["quantised"] -= 0.01
    after["synops"]["measured"]["mean"] *= 1.1
    after["budgets"][0]["within"] = False
    after["layers"][0].update(units_after=12, cores=3)
    after["layers"][1]["name"] = "renamed"
    after["seed"] = 7
    return after


def _row(found, name):
    return next(row for row in found["figures"] if row["name"] == name)


def test_a_report_beside_itself(report, validated):
    """Nothing changed, and nothing is beyond a tolerance of nothing."""
    everything = [Tolerance(figure.name, 0.0, False) for figure in FIGURES]
    found = compare(validated, validated, everything)
    assert (found["beyond"], found["inputs"]) == ([], [])
    assert all(row["change"] == 0 and not row["worse"] for row in found["figures"])
    assert error_beyond(found) is None
    assert [row["name"] for row in compare(report, report)["figures"]] == [figure.name for figure in FIGURES]


def test_what_changed(report, changed):
    """Each change with its amount; what only one of them has; what they were made of."""
    found = compare(report, changed)
    assert _row(found, "accuracy")["change"] == pytest.approx(-1.0)
    assert _row(found, "accuracy")["error"] == pytest.approx(2**0.5 * 0.777, rel=0.2)
    assert _row(found, "synops")["change"] == pytest.approx(0.1 * report["synops"]["measured"]["mean"])
    assert (_row(found, "missed")["change"], _row(found, "cores")["change"]) == (1, 2)
    assert [row["name"] for row in found["layers"]] == ["1", "3", "6", "8", "renamed"]
    assert (found["layers"][1]["b"], found["layers"][4]["a"]) == (None, None)
    assert found["inputs"] == [{"name": "seed", "a": 0, "b": 7}]
    changed["augmentation"] = ["mirror", "shift"]
    told = {"name": "augmentation", "a": "none", "b": "mirror, shift"}
    assert told in compare(report, changed)["inputs"]
    text = markdown(found, ("main", "a|b"))
    assert "| layer | units |" in text
    assert "| 1 | 10 -> 12 |" in text
    assert "MISSED" in text
    assert r"| figure | main | a\|b | change | tolerance |" in text


@given(st.floats(0, 30), st.booleans())
def test_a_gate_opens_at_its_tolerance(amount, relative):
    """By hand: 10 % or 7,000 more."""
    row = {"a": 70_000.0, "b": 77_000.0}
    tolerance = Tolerance("synops", amount / 100 if relative else amount * 1000, relative)
    assert (row["b"] - row["a"] > tolerance.beside(row["a"])) == (amount < 10 if relative else amount < 7)


def test_beyond_is_an_error_with_all_figures(report, changed):
    """E047, exit 4, names each figure with both values; better is never beyond."""
    given = [
        Tolerance.of("accuracy=0.5"),
        Tolerance.of("synops = 5%"),
        Tolerance.of("cores=2"),
        Tolerance.of("missed=0"),
    ]
    found = compare(report, changed, given)
    error = error_beyond(found)
    assert found["beyond"] == ["missed", "accuracy", "synops"]
    assert error.exit_code == 4
    assert [finding.code for finding in error.findings] == ["E047"] * 3
    assert "97.78 -> 96.78, worse by more than the 0.50" in str(error)
    assert compare(changed, report, given)["beyond"] == []
    assert "**SynOps a sample**: beyond" in markdown(found, ("a", "b"))


def test_what_is_not_there_cannot_be_good_enough(report, validated):
    """A proof that is gone is beyond any tolerance of mismatches."""
    assert compare(validated, report, [Tolerance.of("mismatches=9")])["beyond"] == ["mismatches"]
    assert compare(validated, report)["beyond"] == []


@pytest.mark.parametrize(
    "text", ["accuracy", "accuracy=", "speed=3", "synops=-1", "synops=x%", "synops=inf", "cores=nan", ""]
)
def test_tolerances_that_cannot_be_meant(text):
    with pytest.raises(InputError, match="E007"):
        Tolerance.of(text)
