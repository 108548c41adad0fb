"""Which single synapses go, and by what they are ranked."""

from __future__ import annotations

from math import log

import numpy as np
import pytest

from spear_deploy.search.importance import weight_importance
from spear_deploy.search.synapses import weights_of
from spear_deploy.search.thinning import costs_of, thinned, worths
from tests.search.methods.tiny_tasks import KINDS, data_of, network_of, synapses_of, task_of

TASKS = {kind: task_of(network_of(kind), data_of(network_of(kind)), 0.4) for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
def test_worth_is_told_in_two_ways(kind: str) -> None:
    """By gradients for each spike, and by magnitudes in units of an operation's own."""
    task = TASKS[kind]
    synapses = synapses_of(task)
    found, costs = worths(synapses, task.data.train, task.execution), synapses.costs()
    importance = weight_importance(task.network, task.data.train, task.execution)
    for place, weight in weights_of(task.network).items():
        spent = np.maximum(costs[place], np.float32(1e-12))
        np.testing.assert_allclose(found["taylor"][place] * spent, importance[place], rtol=1e-6)
        assert np.mean(found["magnitude"][place] ** 2) == pytest.approx(1.0, rel=1e-5)
        by_size = np.argsort(np.abs(weight), axis=None)
        assert (np.diff(found["magnitude"][place].ravel()[by_size]) >= 0).all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("aim", [0.9, 0.5])
def test_what_is_left_costs_the_aim_at_most(kind: str, aim: float) -> None:
    """At the rates of before, and hardly less; nothing else changes."""
    task = TASKS[kind]
    costs = costs_of(task.network, task.data, task.execution)
    left = thinned(costs, aim, task.data, task.execution).network
    assert 0.9 * aim < costs.share(left) <= aim
    before, after = weights_of(task.network), weights_of(left)
    assert all((after[place] == before[place])[after[place] != 0].all() for place in before)


@pytest.mark.parametrize(("lost", "ranked"), [(0.09, "taylor"), (0.11, "magnitude")])
def test_magnitudes_rank_where_gradients_leave_it_guessing(
    lost: float, ranked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where their network has less loss by more than a tenth of what guessing three classes loses."""
    task, losses = TASKS["dense"], iter([0.2 + lost * log(3), 0.2])
    monkeypatch.setattr("spear_deploy.search.thinning.mean_loss", lambda *_: next(losses))
    costs = costs_of(task.network, task.data, task.execution)
    assert thinned(costs, 0.5, task.data, task.execution).ranked_by == ranked
