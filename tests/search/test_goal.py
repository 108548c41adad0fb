"""By how much budgets are missed, and what a search returns if it meets none."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spear_deploy.budgets import Budget, Resource
from spear_deploy.search.goal import Goal
from spear_deploy.search.loop import _Search


def resource(name: str, sense: Any = "at most") -> Resource:
    return Resource(name=name, title=name, help=name, sense=sense, measured=lambda network, _: network.uses[name])


MOST, LEAST, ZERO = resource("most"), resource("least", "at least"), resource("zero")


def measured(accuracy: float = 0.5, **uses: float) -> Any:
    """A network that was measured so."""
    lowered = SimpleNamespace(placement=SimpleNamespace(findings=()))
    return SimpleNamespace(uses=uses, lowered=lowered, val=SimpleNamespace(accuracy=accuracy))


def goal(**limits: float) -> Goal:
    known = {"most": MOST, "least": LEAST, "zero": ZERO}
    return Goal(tuple(Budget(known[name], limit) for name, limit in limits.items()), None)


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


def best(asked: Goal, *networks: Any) -> Any:
    """Return what a search takes of these candidates."""
    search = object.__new__(_Search)
    search.goal, search.options = asked, SimpleNamespace(least_use=0.9)
    return max((SimpleNamespace(measured=network) for network in networks), key=search._rank).measured


def test_what_misses_least_is_returned() -> None:
    """Not the one that uses least of one budget: all that are missed are weighed; at equal misses accuracy decides."""
    asked = goal(most=100, least=0.8)
    lean = measured(most=60, least=0.2, accuracy=0.2)  # within one budget, far from the other
    near = measured(most=105, least=0.79, accuracy=0.79)
    assert best(asked, lean, near) is near
    assert best(asked, near, lean) is near
    surer = measured(most=105, least=0.79, accuracy=0.9)
    assert best(asked, near, surer) is surer


def test_what_meets_the_goal_comes_first() -> None:
    """However accurate one is that does not; of those that do, the most accurate."""
    asked = goal(most=100)
    within, better = measured(0.6, most=99), measured(0.7, most=98)
    beyond = measured(0.99, most=100.5)
    assert best(asked, beyond, within) is within
    assert best(asked, within, better, beyond) is better
