"""Widths without a network: their SynOps, their positions, and the path of importance for each SynOp."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spear_deploy.search.importance import most_important
from spear_deploy.search.methods import Proposal
from spear_deploy.search.toolkit.widths import cheapest_widths, removals, starting_widths
from tests.search.methods.synthetic import Synthetic, synthetic

TASK = synthetic(4, 0.3)
POSITIONS = st.lists(st.floats(0, 1), min_size=4, max_size=4)


def placed(positions: list[float]) -> dict[str, float]:
    return dict(zip(TASK.task.space.units, positions, strict=True))


def kept(task: Synthetic, counts: dict[str, int]) -> dict[str, np.ndarray]:
    return {name: most_important(task.task.importance[name], count) for name, count in counts.items()}


@settings(max_examples=40, deadline=None)
@given(POSITIONS)
def test_synops_are_those_of_the_cost_model(positions: list[float]) -> None:
    """The share, and what the least important unit of each group saves, are what SynopsCost says of those units."""
    counts = dict(TASK.widths.at(placed(positions)))
    units, cost = kept(TASK, counts), TASK.task.cost
    assert TASK.widths.share(counts) == pytest.approx(cost.of(units) / cost.total)
    for name, saved in TASK.widths.saved(counts).items():
        last = TASK.widths.order[name][counts[name] - 1]
        assert saved == pytest.approx(cost.saved(units)[name][last] / cost.total)


@settings(max_examples=40, deadline=None)
@given(POSITIONS)
def test_positions_are_the_inverse_of_widths(positions: list[float]) -> None:
    """The positions of widths lead to the same widths; the ends are the lowest ratio and all units."""
    counts = TASK.widths.at(placed(positions))
    assert TASK.widths.at(TASK.widths.positions(counts)) == counts
    assert TASK.widths.at(placed([0, 0, 0, 0])) == TASK.task.space.smallest
    assert TASK.widths.at(placed([1, 1, 1, 1])) == TASK.task.space.units


@settings(max_examples=40, deadline=None)
@given(POSITIONS)
def test_the_widest_of_a_direction_meets_the_target(positions: list[float]) -> None:
    """It is within the target, and a hair further it is beyond it."""
    shift, counts = TASK.widths.widest(placed(positions))
    assert TASK.widths.predicted(counts) <= TASK.task.target
    assert TASK.widths.shifted(placed(positions), shift) == counts
    assert TASK.widths.predicted(TASK.widths.shifted(placed(positions), shift + 1e-3)) >= TASK.widths.predicted(counts)
    assert TASK.widths.predicted(TASK.widths.shifted(placed(positions), shift + 2e-4)) > TASK.task.target


def test_what_is_fixed_stays() -> None:
    """Decided groups keep their counts, whatever the others do."""
    fixed = {"g0": TASK.task.space.units["g0"]}
    _, counts = TASK.widths.widest({"g1": 0.0, "g2": 0.0, "g3": 0.0}, fixed)
    assert counts["g0"] == fixed["g0"]
    assert TASK.widths.predicted(counts) <= TASK.task.target


def test_each_step_removes_the_least_for_what_it_saves() -> None:
    """At every step of the path no group's last unit takes less of what its group still has, for what it saves."""
    path, task = removals(TASK.widths), TASK.task
    for step in range(0, len(path.groups), 7):
        counts, group = path.after(step), path.groups[step]
        saved = TASK.widths.saved(counts)
        held = {name: task.importance[name][TASK.widths.order[name]][:count] for name, count in counts.items()}
        worth = {
            name: (np.log(values.sum()) - np.log(values[:-1].sum())) / saved[name]
            for name, values in held.items()
            if len(values) > 1
        }
        assert group == min(worth, key=lambda name: worth[name])
        assert path.worths[step] == pytest.approx(worth[group])
    assert path.after(len(path.groups)) == task.space.smallest


@pytest.mark.parametrize("target", [0.9, 0.3, 0.05])
def test_the_cheapest_is_the_first_on_the_path_within_the_target(target: float) -> None:
    """One unit more would be beyond it."""
    task = synthetic(4, target)
    path, counts = removals(task.widths), cheapest_widths(task.widths)
    (step,) = [index for index in range(len(path.groups)) if path.after(index) == counts]
    assert task.widths.predicted(counts) <= target < task.widths.predicted(path.after(step - 1))


def test_starts_are_known_or_cheap_or_whole() -> None:
    """What is known comes first; nothing comes twice; what does not fit is left out."""
    (known,) = TASK.task.known
    assert list(starting_widths(TASK.widths)) == [known, cheapest_widths(TASK.widths), TASK.task.space.units]
    full = synthetic(2, 0.3, units=20, fits=lambda counts: sum(counts.values()) < 40)
    assert full.task.space.units not in list(starting_widths(full.widths))
    whole = synthetic(2, 2.0)
    assert list(starting_widths(whole.widths)) == [whole.task.space.units]


def test_synthetic_outcomes_are_predicted() -> None:
    """What a method is told of widths is what it could tell of them beforehand."""
    counts = TASK.task.known[0]
    proposal = Proposal(counts)
    assert TASK.task.predict(proposal, TASK.outcome(proposal)) == TASK.widths.predicted(counts)
