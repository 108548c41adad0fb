"""Uniform keep ratios: bisection on what LRE predicts."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spear_deploy.search.methods.uniform import Uniform
from tests.search.methods.synthetic import run, synthetic


@settings(max_examples=20, deadline=None)
@given(st.floats(0.05, 0.95))
def test_the_largest_ratio_within_the_target_is_found(target: float) -> None:
    """It halves its interval until two ratios keep the same units; the next larger ratio would be beyond the target."""
    task = synthetic(3, target)
    method = Uniform(task.task)
    told = run(method, task)
    assert len(told) < 15
    within = [entry for entry in told if task.excess(entry[0]) <= 0]
    best, outcome = max(within, key=lambda entry: method.merit(*entry))
    assert task.task.predict(best, outcome) == max(task.task.predict(*entry) for entry in within)
    ratio = method.figures()["ratio"]
    assert best.counts == task.task.space.at_ratio(ratio)
    assert all(entry in within for entry in told if sum(entry[0].counts.values()) <= sum(best.counts.values()))


def test_budgets_of_the_placement_hold() -> None:
    """Where cores allow less than the target, that decides."""
    task = synthetic(2, 0.9, units=48, fits=lambda counts: sum(counts.values()) <= 30)
    asked = [proposal.counts for proposal, _ in run(Uniform(task.task), task)]
    fitting = [counts for counts in asked if sum(counts.values()) <= 30]
    assert max(sum(counts.values()) for counts in fitting) >= 28


@pytest.mark.parametrize("evaluations", [1, 3])
def test_it_ends_with_the_evaluations(evaluations: int) -> None:
    """No more networks are asked for than may be judged."""
    task = synthetic(3, 0.3, evaluations=evaluations)
    assert len(run(Uniform(task.task), task)) == evaluations


def test_what_meets_the_target_is_preferred() -> None:
    """Of two networks within the target the larger is better, and any of them than one beyond it."""
    task = synthetic(3, 0.3)
    method = Uniform(task.task)
    told = sorted(run(method, task), key=lambda entry: method.merit(*entry))
    excess = [task.excess(proposal) for proposal, _ in told]
    beyond = [each for each in excess if each > 0]
    assert excess == [*sorted(beyond, reverse=True), *sorted(each for each in excess if each <= 0)]
    assert dataclasses.is_dataclass(told[0][1])
