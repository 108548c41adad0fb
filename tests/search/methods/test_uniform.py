"""Uniform keep ratios: bisection on what LRE predicts."""

from __future__ import annotations

import subprocess
import sys

from hypothesis import given
from hypothesis import strategies as st

from spear_deploy.execution import Execution
from spear_deploy.search.methods import Outcome, Task
from spear_deploy.search.methods.uniform import Uniform
from spear_deploy.search.space import PrunableGroup, Space


def task(target: float, most_units: int = 10**9) -> Task:
    """Two groups; SynOps are the share of the units that is kept."""
    groups = (PrunableGroup("a", 64, 10, 0.5, False), PrunableGroup("b", 32, 64, 0.5, False))
    space = Space(groups, 0.1, lambda counts: sum(counts.values()) <= most_units)
    return Task(space, target, lambda share: share, 40, 40, network=None, data=None, execution=Execution())


def run(method: Uniform) -> list[dict[str, int]]:
    asked = []
    while (proposal := method.ask()) is not None:
        asked.append(dict(proposal.counts))
        method.tell(proposal, Outcome(0.9, sum(proposal.counts.values()) / 96))
    return asked


@given(st.floats(0.15, 0.95))
def test_the_largest_ratio_within_the_target_is_found(target: float) -> None:
    """It halves its interval until two ratios keep the same units; one unit more would be beyond the target."""
    method = Uniform(task(target))
    asked = run(method)
    assert len(asked) < 15
    within = [counts for counts in asked if sum(counts.values()) / 96 <= target]
    best = max(within, key=lambda counts: sum(counts.values()))
    assert target - 3 / 96 <= sum(best.values()) / 96
    assert abs(best["a"] / 64 - best["b"] / 32) < 1 / 32
    assert 0.1 <= method.figures()["ratio"] <= 1


def test_budgets_of_the_placement_hold() -> None:
    """Where cores allow less than the target, that decides."""
    asked = run(Uniform(task(0.9, most_units=30)))
    fitting = [counts for counts in asked if sum(counts.values()) <= 30]
    assert max(sum(counts.values()) for counts in fitting) >= 27


def test_it_needs_no_reinforcement_learning() -> None:
    """Importing it imports neither gymnasium nor stable_baselines3."""
    code = (
        "import sys, spear_deploy.search.loop; from spear_deploy.search.methods import METHODS; METHODS.get('uniform');"
        "assert not {'gymnasium', 'stable_baselines3'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
