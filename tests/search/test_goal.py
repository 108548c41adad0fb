"""By how much budgets are missed."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spear_deploy.budgets import Budget, Resource
from spear_deploy.search.goal import Goal


def resource(name: str, sense: Any = "at most") -> Resource:
    return Resource(name=name, title=name, help=name, sense=sense, measured=lambda performance: performance.uses[name])


BASELINE: Any = SimpleNamespace(on_val=lambda network: network)
MOST, LEAST, ZERO = resource("most"), resource("least", "at least"), resource("zero")


def measured(**uses: float) -> Any:
    """A network that was measured so."""
    lowered = SimpleNamespace(placement=SimpleNamespace(findings=()))
    return SimpleNamespace(uses=uses, lowered=lowered)


def goal(**limits: float) -> Goal:
    known = {"most": MOST, "least": LEAST, "zero": ZERO}
    return Goal(tuple(Budget(known[name], limit) for name, limit in limits.items()), BASELINE)


@pytest.mark.parametrize(
    ("uses", "excess"),
    [
        ({"most": 100, "least": 0.8, "zero": 0}, 0),
        ({"most": 150, "least": 0.9, "zero": 0}, 0.5),
        ({"most": 50, "least": 0.4, "zero": 0}, 0.5),
        ({"most": 50, "least": 0.9, "zero": 2}, 2),
        ({"most": 150, "least": 0.4, "zero": 2}, 3),
    ],
)
def test_excess_is_the_sum_of_shares(uses: dict[str, float], excess: float) -> None:
    """What is missed in either sense counts as a share of its limit, of a limit of 0 as it is; what is kept is free."""
    assert goal(most=100, least=0.8, zero=0).excess(measured(**uses)) == pytest.approx(excess)


@given(st.floats(1, 1e6), st.floats(1, 1e6))
def test_excess_is_nothing_exactly_where_the_goal_is_met(limit: float, value: float) -> None:
    """Either way round."""
    asked = goal(most=limit)
    assert (asked.excess(measured(most=value)) == 0) == asked.is_met(measured(most=value))
