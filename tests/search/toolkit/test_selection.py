"""Which units are kept: in the order of merit, as many as the target has room for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spear_deploy.search.toolkit.selection import (
    best_units,
    fill_up,
    predicted_share,
    select_by_importance,
    select_units,
)
from tests.search.methods.tiny_tasks import KINDS, data_of, largest_unit, network_of, share_of, task_of

TASKS = {kind: task_of(network_of(kind), data_of(network_of(kind)), 0.5) for kind in KINDS}


@settings(max_examples=40)
@given(st.sampled_from(KINDS), st.floats(0.05, 1.0), st.randoms(use_true_random=False))
def test_what_fits_is_kept_in_the_order_of_merit(kind: str, aim: float, random: object) -> None:
    """Within the aim, with every group there, and no unit that is left out would have fitted beside those kept."""
    task = TASKS[kind]
    merit = {n: np.array([random.random() for _ in range(u)]) for n, u in task.space.units.items()}
    least = best_units(merit, task.space.smallest)
    kept = select_units(task, merit, aim)
    assert all(set(least[name]) <= set(units) for name, units in kept.items())
    assert share_of(task, kept) <= max(aim, share_of(task, least)) + 1e-12
    assert fill_up(task.cost, kept, merit, aim) == {} or all(
        np.array_equal(fill_up(task.cost, kept, merit, aim)[name], units) for name, units in kept.items()
    )
    assert predicted_share(task, kept) == pytest.approx(share_of(task, kept))


@settings(max_examples=20)
@given(st.sampled_from(KINDS), st.floats(0.2, 0.95))
def test_removal_stops_at_the_aim(kind: str, aim: float) -> None:
    """The unit that went last would have been beyond it."""
    task = TASKS[kind]
    share = share_of(task, select_by_importance(task, aim))
    assert aim - largest_unit(task) <= share <= aim
