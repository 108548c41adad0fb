"""SPEAR as a method: known starts, rewards judged anew, most episodes near the target, whatever the algorithm."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from spear_deploy.search.methods import Outcome, Proposal
from spear_deploy.search.methods.spear.method import Spear, centred
from spear_deploy.search.methods.spear.tar import TAR
from spear_deploy.search.toolkit.widths import cheapest_widths
from tests.search.methods.synthetic import Synthetic, run, synthetic


def small(seed: int = 0, evaluations: int = 30) -> Synthetic:
    return synthetic(3, 0.3, seed, evaluations=evaluations)


def test_the_first_episodes_are_what_is_known() -> None:
    """Known widths, the cheapest by importance, the unpruned network: the replay buffer begins with these."""
    task = small()
    first = [proposal.counts for proposal, _ in run(Spear(task.task), task)[:3]]
    assert first == [*task.task.known, cheapest_widths(task.widths), task.task.space.units]


def test_weight_and_rewards_follow_each_outcome() -> None:
    """TAR adapts to what is predicted, and the replay buffer holds every episode's reward under it, at each step."""
    task = small(evaluations=8)
    method, tar = Spear(task.task), TAR(task.task.target)
    told = run(method, task)
    for proposal, outcome in told:
        tar = tar.after_episode(task.task.predict(proposal, outcome))
    assert method.tar == tar
    rewards = np.array([tar.reward(outcome.score, task.task.predict(p, outcome)) for p, outcome in told])
    assert [method.merit(*entry) for entry in told] == pytest.approx(rewards.tolist())
    held = method.agent._model.replay_buffer.rewards[:24, 0].reshape(8, 3)
    np.testing.assert_allclose(held, np.repeat(centred(rewards)[:, None], 3, axis=1), rtol=1e-5)


def test_rewards_are_judged_by_lre_as_it_is() -> None:
    """Where LRE was refitted between two outcomes, the next one is learnt from with all rewards as they now are."""
    factor, original = [1.0], small()

    def predict(proposal: Proposal, outcome: Outcome) -> float:
        return factor[0] * original.task.predict(proposal, outcome)

    method = Spear(dataclasses.replace(original.task, predict=predict))
    told = []
    for change in (1.0, 1.0, 1.5):
        factor[0] = change
        proposal = method.ask()
        assert proposal is not None
        told.append((proposal, original.outcome(proposal)))
        method.tell(*told[-1])
    rewards = [method.tar.reward(o.score, 1.5 * original.task.predict(p, o)) for p, o in told]
    held = method.agent._model.replay_buffer.rewards[0:9:3, 0]
    np.testing.assert_allclose(held, centred(np.array(rewards)), rtol=1e-5)


@pytest.mark.parametrize("algorithm", ["ddpg", "td3", "sac"])
def test_a_seed_repeats_the_search(algorithm: str) -> None:
    """The same networks for the same seed, others for another; none twice."""

    def proposed(seed: int) -> list[str]:
        task = small(seed, evaluations=15)
        return [str(proposal.key) for proposal, _ in run(Spear(task.task, algorithm=algorithm), task)]

    one = proposed(1)
    assert len(set(one)) == len(one) == 15
    assert proposed(1) == one
    assert proposed(2) != one


def test_budgets_of_the_placement_hold() -> None:
    """Every network fits."""
    task = synthetic(2, 0.6, units=40, fits=lambda counts: sum(counts.values()) <= 50, evaluations=20)
    assert all(sum(proposal.counts.values()) <= 50 for proposal, _ in run(Spear(task.task), task))


def test_it_ends_when_all_is_found() -> None:
    """Nine networks are all there are."""
    task = synthetic(2, 0.5, units=3)
    assert 1 <= len(run(Spear(task.task), task)) <= 9


@pytest.mark.slow
@pytest.mark.parametrize("target", [0.5, 0.3, 0.15])
@pytest.mark.parametrize("groups", [3, 6, 9])
def test_episodes_end_near_the_target(groups: int, target: float) -> None:
    """Of 160 episodes 60 at least end within 12 % of it, for five seeds; the last ones are nearer and better."""
    for seed in range(5):
        check_search(synthetic(groups, target, seed), least=60)


@pytest.mark.parametrize("algorithm", ["ddpg", "td3", "sac"])
def test_the_agent_does_not_collapse(algorithm: str) -> None:
    """The same for one network and each algorithm, half as long."""
    check_search(synthetic(6, 0.15, evaluations=80), least=25, algorithm=algorithm)


def check_search(task: Synthetic, least: int, algorithm: str = "ddpg") -> None:
    method = Spear(task.task, algorithm=algorithm)
    told = run(method, task)
    figures = method.figures()
    excess, rewards = np.array(figures["excess"]), np.array(figures["rewards"])
    quarter = len(told) // 4
    assert figures["near_target"] >= least
    assert np.median(np.abs(excess[-quarter:])) <= 0.12
    assert rewards[-quarter:].mean() > rewards[:quarter].mean()
    assert figures["best_reward"] == pytest.approx(rewards.max(), abs=1e-4)
    known = [method.merit(p, o) for p, o in told[:2]]
    assert figures["best_reward"] >= max(known)
    assert figures["algorithm"] == algorithm


def test_rewards_as_learnt_tell_the_better_half_apart() -> None:
    """The better half has a deviation of 1 about 0; what is far worse is cut off."""
    rewards = np.array([-10.0, 0.1, 0.2, 0.7, 0.8, 0.9])
    learnt = centred(rewards)
    assert learnt[3:].mean() == pytest.approx(0, abs=1e-6)
    assert learnt[3:].std() == pytest.approx(1)
    assert learnt[0] == -5
    assert centred(np.array([0.4])).tolist() == [0.0]
