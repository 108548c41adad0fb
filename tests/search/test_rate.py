"""The learning rate: from the highest down, as long as the loss of short runs falls."""

from __future__ import annotations

import pytest

from spear_deploy.search.rate import lowest_loss


@pytest.mark.parametrize(("best", "found"), [(1.0, 1e-2), (5e-3, 5e-3), (1.3e-3, 1.25e-3), (1e-9, 6.25e-4)])
def test_descent_ends_where_the_loss_rises(best: float, found: float) -> None:
    """Each rate is tried once, and none below the lowest."""
    tried: list[float] = []

    def loss_at(rate: float) -> float:
        tried.append(rate)
        return abs(rate - best)

    assert lowest_loss(loss_at, lambda done, total: None) == pytest.approx(found)
    assert len(tried) == len(set(tried))
    assert min(tried) >= 6e-4
