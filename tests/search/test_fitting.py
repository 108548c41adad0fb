"""Widths that fit: reached by the chip's own rule, not by what removal saves of SynOps."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from math import ceil
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from spear_deploy.network.units import keep_units, unit_groups
from spear_deploy.search.cost import SynopsCost, Term
from spear_deploy.search.fitting import fitting_widths, towards_fitting
from spear_deploy.search.goal import Goal
from spear_deploy.search.space import PrunableGroup, Space
from spear_deploy.targets import InputRange, LoweringOptions, compiler_for, load_chip
from tests.targets.speck.networks import gesture


def space(units: Mapping[str, int], beyond: Any) -> Space:
    return Space(tuple(PrunableGroup(name, count, 1, 0.1, True) for name, count in units.items()), 0.02, beyond)


@pytest.mark.parametrize(
    ("features", "narrowed"),
    [
        ((16, 16, 32, 33, 64, 64, 256, 128), {"layer3": 32}),
        ((16, 16, 32, 32, 64, 65, 256, 128), {"layer5": 64}),
        ((17, 16, 32, 33, 64, 64, 256, 128), {"layer0": 16, "layer3": 32}),
        ((16, 16, 32, 32, 64, 64, 256, 128), {}),
    ],
)
def test_a_channel_too_many_is_the_only_one_to_go(features: tuple[int, ...], narrowed: dict[str, int]) -> None:
    """Speck takes kernel memory in powers of two: the first widths that fit are those that its placement names."""
    network = gesture(features)
    compiler = compiler_for(load_chip("speck2f"), {"input": InputRange()}, LoweringOptions())
    goal = Goal((), SimpleNamespace())  # type: ignore[arg-type]  # without budgets there is nothing to measure
    rng = np.random.default_rng(0)
    units = {group.name: group.units for group in unit_groups(network).groups}
    importance = {name: rng.uniform(0.9, 1.1, count) for name, count in units.items()}

    @cache
    def placed(counts: tuple[tuple[str, int], ...]) -> float:
        kept = {name: np.arange(count) for name, count in counts}
        return goal.beyond(compiler.place(keep_units(network, kept)))

    within = space(units, lambda counts: placed(tuple(counts.items())))
    assert fitting_widths(within, importance, units) == {**units, **narrowed}
    assert placed.cache_info().misses < 150


def test_the_least_important_step_that_frees_memory_is_taken() -> None:
    """Memory comes in blocks of eight units of two groups, and five blocks are there: whole blocks go, of the group
    that has units of little importance first, and no unit of a third group, which frees none."""

    def beyond(counts: Mapping[str, int]) -> float:
        return max(0, ceil(counts["a"] / 8) + ceil(counts["b"] / 8) - 5) / 5

    units = {"a": 32, "b": 32, "c": 32}
    flat, steep = np.ones(32), np.r_[np.full(16, 10.0), np.full(16, 0.01)]
    found = fitting_widths(space(units, beyond), {"a": flat, "b": steep, "c": steep}, units)
    assert found == {"a": 24, "b": 16, "c": 32}
    found = fitting_widths(space(units, beyond), {"a": np.r_[1.0, np.zeros(31)], "b": flat, "c": flat}, units)
    assert found == {"a": 8, "b": 32, "c": 32}


def test_a_stage_goes_part_of_a_long_way() -> None:
    """Training comes between where widths that fit are far: a stage leaves three quarters of the SynOps."""
    units, rng = {"a": 40}, np.random.default_rng(0)
    importance = {"a": rng.uniform(0.5, 1.5, 40)}
    cost = SynopsCost((Term(None, "a", np.ones(1), np.ones(40)),), units)
    few = space(units, lambda counts: max(0, counts["a"] - 8) / 8)
    near = space(units, lambda counts: max(0, counts["a"] - 33) / 33)
    assert [len(towards_fitting(each, importance, cost, units)["a"]) for each in (few, near)] == [32, 33]
    kept = towards_fitting(near, importance, cost, units)["a"]
    assert importance["a"][kept].min() > np.delete(importance["a"], kept).max()


def test_what_cannot_fit_is_narrowed_as_far_as_that_helps() -> None:
    """Nothing is removed where no removal helps."""
    units = {"a": 20, "b": 20}
    importance = {name: np.ones(count) for name, count in units.items()}
    assert fitting_widths(space(units, lambda counts: 1.0), importance, units) == units
    found = fitting_widths(space(units, lambda counts: 1.0 + counts["a"] / 20), importance, units)
    assert found["a"] == 1
    assert found["b"] == 20
