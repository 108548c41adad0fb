"""What a search chooses from."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from spear_deploy.search.space import PrunableGroup, Space, keep_count


@given(st.integers(1, 500), st.floats(0, 1))
def test_keep_count(units: int, ratio: float) -> None:
    """A ratio keeps at least one unit, at most all, and otherwise the nearest number."""
    count = keep_count(units, ratio)
    assert 1 <= count <= units
    assert count == 1 or abs(count - units * ratio) <= 0.5


def test_ratios_of_all_groups_at_once() -> None:
    """One ratio for every group; the smallest network is that of the lowest ratio."""
    groups = (PrunableGroup("a", 16, 9, 0.5, True), PrunableGroup("b", 64, 144, 0.5, False))
    space = Space(groups, 0.1, lambda counts: 0.0)
    assert space.units == {"a": 16, "b": 64}
    assert space.at_ratio(0.5) == {"a": 8, "b": 32}
    assert space.smallest == {"a": 2, "b": 6}
