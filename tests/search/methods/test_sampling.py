"""Random, TPE and CMA-ES: near the target, new each time, repeatable, and alone with their random states."""

from __future__ import annotations

import logging
import random
from typing import Any

import numpy as np
import optuna
import pytest
import torch

from spear_deploy.search.methods import METHODS
from spear_deploy.search.methods.uniform import Uniform
from tests.search.methods.synthetic import Synthetic, run, synthetic

SAMPLING = ("random", "tpe", "cmaes")


def proposed(name: str, task: Synthetic) -> list[dict[str, int]]:
    return [dict(proposal.counts) for proposal, _ in run(METHODS.get(name)(task.task), task)]


@pytest.mark.parametrize("name", SAMPLING)
def test_a_seed_repeats_the_search(name: str) -> None:
    """The same seed proposes the same networks, whatever was drawn between; another seed proposes others."""
    one = proposed(name, synthetic(5, 0.3, seed=1, evaluations=30))
    np.random.random()  # noqa: NPY002
    random.random()
    assert proposed(name, synthetic(5, 0.3, seed=1, evaluations=30)) == one
    assert proposed(name, synthetic(5, 0.3, seed=2, evaluations=30)) != one


@pytest.mark.parametrize("name", SAMPLING)
def test_global_states_stay_as_they_were(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    """Random states of Python, numpy and torch, and what Optuna logs, are not touched; nothing is printed."""

    def states() -> tuple[Any, ...]:
        logger = logging.getLogger("optuna")
        of_numpy = np.random.get_state()  # noqa: NPY002
        log = (logger.level, list(logger.handlers), optuna.logging.get_verbosity(), logging.root.level)
        return random.getstate(), of_numpy[1].tolist(), of_numpy[2:], torch.get_rng_state().tolist(), log

    before = states()
    proposed(name, synthetic(4, 0.3, evaluations=20))
    assert states() == before
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", SAMPLING)
@pytest.mark.parametrize(("groups", "target"), [(3, 0.5), (6, 0.15), (9, 0.3)])
def test_networks_are_new_and_near_the_target(name: str, groups: int, target: float) -> None:
    """None comes twice; nearly all are within 12 % of the target; the best is level with uniform ratios at least."""
    task = synthetic(groups, target, evaluations=80)
    method = METHODS.get(name)(task.task)
    told = run(method, task)
    keys = [str(proposal.key) for proposal, _ in told]
    assert len(set(keys)) == len(keys) <= 80
    assert method.figures()["near_target"] >= 0.9 * len(told)
    uniform = Uniform(task.task)
    most = max(run(uniform, task), key=lambda entry: uniform.merit(*entry))
    best = max(told, key=lambda entry: method.merit(*entry))
    assert method.merit(*best) >= method.merit(*most) - 0.01


@pytest.mark.parametrize("name", SAMPLING)
def test_it_ends_when_all_is_found(name: str) -> None:
    """Of two groups of three units there are few networks: each that meets the target is proposed once at most."""
    task = synthetic(2, 0.5, units=3)
    assert 1 <= len(proposed(name, task)) <= 9


@pytest.mark.parametrize("name", SAMPLING)
@pytest.mark.parametrize("evaluations", [1, 7])
def test_it_ends_with_the_evaluations(name: str, evaluations: int) -> None:
    """As many networks as may be judged."""
    assert len(proposed(name, synthetic(4, 0.3, evaluations=evaluations))) == evaluations


@pytest.mark.parametrize("name", SAMPLING)
def test_what_does_not_fit_is_not_proposed(name: str) -> None:
    """Budgets of the placement hold for every network."""
    task = synthetic(3, 0.6, units=32, fits=lambda counts: counts["g1"] <= 12, evaluations=30)
    found = proposed(name, task)
    assert found
    assert all(counts["g1"] <= 12 for counts in found)


@pytest.mark.parametrize("name", ["tpe", "cmaes"])
def test_known_widths_come_first(name: str) -> None:
    """The first network is the one known, widened to the target."""
    task = synthetic(5, 0.3, evaluations=3)
    (known,) = task.task.known
    first = proposed(name, task)[0]
    assert sum(abs(first[group] - known[group]) for group in known) <= 2


@pytest.mark.parametrize("name", ["tpe", "cmaes"])
def test_samplers_learn(name: str) -> None:
    """With nine groups the mean score of the last quarter is above that of random widths."""
    task = synthetic(9, 0.15)
    told, by_chance = (run(METHODS.get(each)(task.task), task) for each in (name, "random"))
    assert np.mean([o.score for _, o in told[-40:]]) > np.mean([o.score for _, o in by_chance]) + 0.05


def test_figures_are_of_all_that_was_told() -> None:
    """Rewards and excess of each network, the best of the rewards, and how many came near."""
    task = synthetic(4, 0.3, evaluations=12)
    method = METHODS.get("random")(task.task)
    told = run(method, task)
    figures = method.figures()
    assert figures["rewards"] == [round(method.merit(*entry), 4) for entry in told]
    assert figures["best_reward"] == pytest.approx(max(figures["rewards"]), abs=1e-4)
    assert figures["excess"] == pytest.approx([task.excess(proposal) for proposal, _ in told], abs=1e-4)
    assert figures["near_target"] == sum(abs(each) <= 0.12 for each in figures["excess"])
