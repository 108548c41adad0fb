"""Importance for each SynOp: the least multiplier that meets the target."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spear_deploy.search.methods.taylor import Taylor
from spear_deploy.search.toolkit.widths import cheapest_widths, removals
from tests.search.methods.synthetic import run, synthetic


@settings(max_examples=15, deadline=None)
@given(st.floats(0.03, 0.95))
def test_the_widest_on_the_path_is_found(target: float) -> None:
    """Bisection ends at the first widths of the path that are predicted to meet the target."""
    task = synthetic(3, target)
    method = Taylor(task.task)
    told = run(method, task)
    assert len(told) <= 9
    best, _ = max(told, key=lambda entry: method.merit(*entry))
    assert best.counts == cheapest_widths(task.widths)
    figures = method.figures()
    assert figures["removed"] == sum(task.task.space.units.values()) - sum(best.counts.values())
    assert figures["multiplier"] == removals(task.widths).multiplier(figures["removed"])


def test_small_layers_are_guarded() -> None:
    """A layer grows dearer as it narrows: none is left with a few units where others have room."""
    task = synthetic(6, 0.15)
    assert min(cheapest_widths(task.widths).values()) >= 4
    assert min(cheapest_widths(synthetic(3, 0.005).widths).values()) < 4


def test_an_impossible_target_ends_at_the_smallest() -> None:
    """Where nothing meets it, the smallest network was proposed."""
    task = synthetic(2, 1e-6, units=16)
    method = Taylor(task.task)
    told = run(method, task)
    assert dict(max(told, key=lambda entry: method.merit(*entry))[0].counts) == dict(task.task.space.smallest)


def test_budgets_of_the_placement_hold() -> None:
    """Where cores allow less than the target, that decides."""
    task = synthetic(2, 0.95, units=48, fits=lambda counts: sum(counts.values()) <= 30)
    method = Taylor(task.task)
    run(method, task)
    assert method.figures()["removed"] == 66


@pytest.mark.parametrize("evaluations", [1, 3])
def test_it_ends_with_the_evaluations(evaluations: int) -> None:
    """No more networks are asked for than may be judged."""
    task = synthetic(3, 0.3, evaluations=evaluations)
    assert len(run(Taylor(task.task), task)) == evaluations
