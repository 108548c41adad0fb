"""Budgets as they are typed."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spear_deploy.budgets import RESOURCES, Asked, Resource, ask
from spear_deploy.budgets.accuracy import DROP, FLOOR
from spear_deploy.budgets.cores import CORES
from spear_deploy.budgets.synops import MEAN
from spear_deploy.errors import InputError, PluginError


def unpruned(synops: float) -> Any:
    """A baseline that measured so many SynOps a sample."""
    return SimpleNamespace(whole=SimpleNamespace(mean_synops=synops))


@pytest.mark.parametrize(
    ("text", "synops", "limit"),
    [
        ("50%", 2000, 1000),
        ("12.5 %", 2000, 250),
        ("200%", 2000, 4000),
        ("120000", 7, 120_000),
        ("318,180", 7, 318_180),
        ("1,234,567.5", 7, 1_234_567.5),
        ("1.2e5", 7, 120_000),
        (" .5E+3 ", 7, 500),
    ],
)
def test_absolute_and_relative(text: str, synops: float, limit: float) -> None:
    """A percentage is a share of the unpruned network's SynOps, a number is a limit."""
    assert MEAN.ask(text).limit(unpruned(synops)) == pytest.approx(limit)


@given(st.floats(1, 1e12))
def test_any_positive_number(value: float) -> None:
    """Whatever way Python prints a positive number, it is read back."""
    assert MEAN.ask(repr(value)) == MEAN.ask(value) == Asked(MEAN, value, relative=False)
    assert MEAN.ask(f"{value!r}%").limit(unpruned(100.0)) == pytest.approx(value)


@pytest.mark.parametrize(
    "text",
    [
        "0,5",
        "0,500",
        "12,34",
        "1,2345",
        "0",
        "0%",
        "0.0",
        "-5",
        "-5%",
        "",
        "%",
        "half",
        "50%%",
        "5 0",
        "nan",
        "inf",
        "1e999",
        "1e999%",
        "0x10",
    ],
)
def test_budgets_that_cannot_be_meant(text: str) -> None:
    """Zero, negative, infinite and unreadable budgets are E007; the fix shows both forms."""
    with pytest.raises(InputError, match="percentage such as 50%") as caught:
        MEAN.ask(text)
    assert [finding.code for finding in caught.value.findings] == ["E007"]


def test_a_share_is_not_taken_for_an_operation() -> None:
    """Half a synaptic operation cannot be meant; half of them can."""
    with pytest.raises(InputError, match="is less than 1; 50% is that share"):
        MEAN.ask("0.5")


@pytest.mark.parametrize(
    ("resource", "text", "why"),
    [
        (FLOOR, "97", "is more than 100 %"),
        (FLOOR, "150%", "is more than 100 %"),
        (FLOOR, "0", "leaves nothing"),
        (DROP, "101", "is too large"),
        (DROP, "2%", "is a percentage"),
        (CORES, "2.5", "is not a whole number"),
        (CORES, "1e400", "is too large"),
        (CORES, "50%", "is a percentage"),
        (MEAN, "many", "is not a number"),
        (MEAN, -5, "is below 0"),
        (MEAN, "-5%", "is below 0"),
    ],
)
def test_each_resource_has_bounds_of_its_own(resource: Resource, text: str, why: str) -> None:
    """The message says what is wrong with the value."""
    with pytest.raises(InputError, match=f"E007 {resource.option} {text}: {why}"):
        resource.ask(text)


def test_no_point_lost_can_be_asked_for() -> None:
    """A drop of 0 is a sensible wish; accuracy is a share or a percentage."""
    assert DROP.ask("0").value == 0
    assert FLOOR.ask("97.5%").value == FLOOR.ask(0.975).value == 0.975


@pytest.mark.parametrize("steering", ["of_activity", "of_placement", "of_chip"])
def test_least_values_do_not_steer(steering: str) -> None:
    """A least value with a function that steers by largest ones cannot be made: it would steer the wrong way."""
    given: dict[str, Any] = {"name": "rest", "title": "rest", "help": "Rest.", "measured": lambda *_: 0.0}
    given[steering] = lambda *_: 0.0
    assert Resource(**given).sense == "at most"
    with pytest.raises(ValueError, match=f"budget 'rest': {steering} go with largest values"):
        Resource(**given, sense="at least")
    Resource(**{**given, steering: None}, sense="at least")


def test_budgets_under_another_name() -> None:
    """An entry that calls itself otherwise than the table would be an option that is never read: E065."""
    RESOURCES.add("rest", CORES)
    try:
        with pytest.raises(InputError) as caught:
            ask({"rest": 3, "synops": "nothing"})
    finally:
        RESOURCES.remove("rest")
    found = {(finding.code, finding.where) for finding in caught.value.findings}
    assert found == {("E065", "rest"), ("E007", "--synops nothing")}
    assert issubclass(PluginError, InputError)


def test_budgets_that_judge_accuracy() -> None:
    """Those of accuracy and no others say that a loss was thought of."""
    assert {name for name, resource in RESOURCES.items() if resource.judges_accuracy} == {"min_accuracy", "max_drop"}
