"""What units hold of the importance of their groups, and what each removal takes of it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spear_deploy.search.importance_share import importance_lost, kept_importance


@given(st.lists(st.floats(0.01, 10), min_size=2, max_size=9), st.lists(st.floats(0.01, 10), min_size=1, max_size=9))
def test_what_a_unit_takes_is_what_the_score_falls_by(one: list[float], other: list[float]) -> None:
    """The logarithm of the geometric mean over two groups falls by half of what a unit of one takes of its group."""
    importance = {"one": np.array(one), "other": np.array(other)}
    kept = {"one": np.arange(len(one)), "other": np.arange(len(other))}
    for unit, lost in enumerate(importance_lost(importance["one"])):
        left = kept_importance(importance, {**kept, "one": np.delete(kept["one"], unit)})
        assert -2 * np.log(left) == pytest.approx(lost, rel=1e-6, abs=1e-9)


def test_units_of_no_importance_take_nothing_and_the_last_one_everything() -> None:
    """A group that matters to nothing goes first; the only unit of one that matters never does."""
    assert importance_lost(np.zeros(3)).tolist() == [0.0, 0.0, 0.0]
    assert importance_lost(np.array([0.0, 2.0])).tolist() == [0.0, np.inf]
