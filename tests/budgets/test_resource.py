"""Budgets as they are typed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spear_deploy.deployment.options import SynopsBudget
from spear_deploy.errors import InputError


@pytest.mark.parametrize(
    ("text", "unpruned", "limit"),
    [
        ("50%", 2000, 1000),
        ("12.5 %", 2000, 250),
        ("200%", 2000, 4000),
        ("120000", 7, 120_000),
        ("1.2e5", 7, 120_000),
        (" .5E+3 ", 7, 500),
    ],
)
def test_absolute_and_relative(text: str, unpruned: float, limit: float) -> None:
    """A percentage is a share of the unpruned network's SynOps, a number is a limit."""
    assert SynopsBudget.parse(text).limit(unpruned) == pytest.approx(limit)


@given(st.floats(1e-3, 1e12))
def test_any_positive_number(value: float) -> None:
    """Whatever way Python prints a positive number, it is read back."""
    assert SynopsBudget.parse(repr(value)) == SynopsBudget(value, relative=False)
    assert SynopsBudget.parse(f"{value!r}%").limit(100.0) == pytest.approx(value)


@pytest.mark.parametrize(
    "text", ["0", "0%", "0.0", "-5", "-5%", "", "%", "half", "50%%", "5 0", "nan", "inf", "1e999", "1e999%", "0x10"]
)
def test_budgets_that_cannot_be_meant(text: str) -> None:
    """Zero, negative, infinite and unreadable budgets are E007; the fix shows both forms."""
    with pytest.raises(InputError, match="percentage such as 50%") as caught:
        SynopsBudget.parse(text)
    assert [finding.code for finding in caught.value.findings] == ["E007"]
