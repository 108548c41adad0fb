"""Which options are trained on, and which widths are chosen again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from spear_deploy.data import Dataset
from spear_deploy.deployment.work import Work
from spear_deploy.frontends import Semantics, load, save
from spear_deploy.network import Input, Linear, Network, Population, Projection
from spear_deploy.search.comparison import may_win
from spear_deploy.train.config import FinetuneConfig
from spear_deploy.train.finetune import finetune
from tests.conftest import leaky
from tests.search.test_candidate import activity, candidate
from tests.tiny_deployments import SEARCH, Deploy


def test_what_is_far_behind_is_not_trained_further() -> None:
    """Three standard errors: of nine samples that one of them alone decides rightly, ten are more than three."""
    leader = candidate(activity(90))
    assert may_win(candidate(activity(81), of="uniform"), [leader])
    assert not may_win(candidate(activity(80), of="uniform"), [leader])


def test_new_weights_are_held_against_those_that_were_cut() -> None:
    """However far the leader is ahead, which was trained for longer: a head start of a standard error ends them."""
    leader, cut = candidate(activity(90)), candidate(activity(30), of="uniform")
    assert may_win(candidate(activity(29), untrained=True), [cut, leader])
    assert may_win(candidate(activity(40), untrained=True), [cut, leader])
    assert not may_win(candidate(activity(28), untrained=True), [cut, leader])
    assert not may_win(candidate(activity(40), untrained=True), [leader])


@pytest.fixture(scope="module")
def in_a_loop(run_deploy: Deploy, tiny_data: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Work:
    """A deployment of a network whose hidden neurons are driven by each other: fewer of them fire far less."""
    rng = np.random.default_rng(3)
    hidden = 48
    network = Network(
        (Input("input", (12,)), Population("hidden", (hidden,), leaky(hidden)), Population("output", (3,), leaky(3))),
        (
            Projection("in", "input", "hidden", (Linear(matrix(rng, hidden, 12, mean=-0.02)),)),
            Projection("back", "hidden", "hidden", (Linear(matrix(rng, hidden, hidden, mean=0.2)),), delay=1),
            Projection("out", "hidden", "output", (Linear(matrix(rng, 3, hidden, mean=0.05)),)),
        ),
        ("output",),
    )
    config = FinetuneConfig(epochs=30, learning_rate=5e-3, batch=24)
    folder = tmp_path_factory.mktemp("loop")
    save(folder / "loop.nir", finetune(network, tiny_data.train, config, seed=0).network, Semantics(dt=1.0))
    return run_deploy(
        folder / "build",
        model=load(folder / "loop.nir"),
        synops="12%",
        search=replace(SEARCH, method="scratch", beside=()),
    )


def matrix(rng: np.random.Generator, rows: int, columns: int, mean: float) -> Any:
    return rng.normal(mean, 0.2, (rows, columns)).astype(np.float32)


def test_widths_are_chosen_again_where_they_leave_room(in_a_loop: Work) -> None:
    """By what they were measured to use, and trained from the start; what was compared first stays in the report."""
    assert in_a_loop.search is not None
    goal = in_a_loop.goal
    (budget,) = goal.of_activity
    first, *others = in_a_loop.search.compared
    use = [goal.use(budget, each.measured) for each in (first, *others)]
    widths = [each.option.proposal.counts["hidden"] for each in (first, *others)]
    assert 1 <= len(others) <= 2
    assert use[0] < 0.85
    assert abs(use[-1] - 0.99) < abs(use[0] - 0.99)
    assert widths == sorted(set(widths))
    train = len(in_a_loop.data.train)
    batches = {sum(each.steps(train) for each in candidate.tunings) for candidate in (first, *others)}
    assert len(batches) == 1
