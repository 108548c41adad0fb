"""What units cost in SynOps: exact as long as rates stay, whatever is removed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spear_deploy.data import Dataset
from spear_deploy.measure.runs import measure_float
from spear_deploy.network import Network
from spear_deploy.network.units import keep_units, unit_groups
from spear_deploy.search.cost import SynopsCost, Term, synops_cost
from spear_deploy.search.removal import remove


@pytest.fixture(scope="module")
def cost(tiny_network: Network, tiny_data: Dataset) -> SynopsCost:
    return synops_cost(tiny_network, unit_groups(tiny_network), tiny_data.val)


def test_the_whole_is_what_is_measured(cost: SynopsCost, tiny_network: Network, tiny_data: Dataset) -> None:
    """With all units kept the cost is the measured mean."""
    assert cost.total == pytest.approx(measure_float(tiny_network, tiny_data.val).mean_synops)
    assert cost.of({name: np.arange(units) for name, units in cost.units.items()}) == pytest.approx(cost.total)


def test_a_last_group_s_removal_is_exact(cost: SynopsCost, tiny_network: Network, tiny_data: Dataset) -> None:
    """Without units of the last hidden population no rate but the output's changes, and it sends nothing on."""
    last = list(cost.units)[-1]
    kept = {name: np.arange(units) for name, units in cost.units.items()}
    kept[last] = kept[last][1::2]
    measured = measure_float(keep_units(tiny_network, kept), tiny_data.val).mean_synops
    assert cost.of(kept) == pytest.approx(measured)


@st.composite
def costs(draw: st.DrawFn) -> SynopsCost:
    """Chains of groups, with skips and loops."""
    sizes = draw(st.lists(st.integers(1, 6), min_size=1, max_size=4))
    units = {f"g{index}": size for index, size in enumerate(sizes)}
    names = [None, *units]
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    ends = st.lists(st.tuples(st.sampled_from(names), st.sampled_from(names)), min_size=1, max_size=6)
    size = {None: 1, **units}
    terms = (Term(source, target, rng.random(size[source]), rng.random(size[target])) for source, target in draw(ends))
    return SynopsCost(tuple(terms), units)


@given(costs(), st.integers(0, 10**6))
def test_what_is_saved_is_what_the_removal_of_one_unit_changes(cost: SynopsCost, seed: int) -> None:
    """In any network, whatever else was removed."""
    rng = np.random.default_rng(seed)
    kept = {name: np.flatnonzero(rng.random(units) < 0.7) for name, units in cost.units.items()}
    saved = cost.saved(kept)
    for name, units in kept.items():
        for position, unit in enumerate(units):
            without = {**kept, name: np.delete(units, position)}
            assert saved[name][unit] == pytest.approx(cost.of(kept) - cost.of(without), abs=1e-9)


@settings(max_examples=50)
@given(costs(), st.floats(0, 1), st.integers(1, 3))
def test_removal_meets_what_is_wanted_or_leaves_the_fewest(cost: SynopsCost, share: float, fewest: int) -> None:
    """It stops as soon as it is there: with the unit removed last it was not."""
    importance = {name: np.arange(1.0, units + 1) for name, units in cost.units.items()}
    least = {name: min(fewest, units) for name, units in cost.units.items()}
    kept = remove(importance, cost, share * cost.total, least)
    assert all(len(units) >= least[name] for name, units in kept.items())
    if cost.of(kept) > share * cost.total:
        assert all(len(units) == least[name] for name, units in kept.items())


def test_the_cheap_one_goes_last() -> None:
    """Of equally important units those go that save most."""
    cost = SynopsCost((Term("a", None, np.array([1.0, 10.0, 1.0]), np.ones(1)),), {"a": 3})
    kept = remove({"a": np.ones(3)}, cost, 3.0, {"a": 1})
    assert kept["a"].tolist() == [0, 2]
