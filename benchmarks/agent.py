"""What each part of ``--method spear`` is worth: its reward, its episodes and its agent, one changed at a time.

On networks that are drawn (``tests/search/methods/synthetic.py``: a chain of groups, units of log-normal cost and
importance; the score is the geometric mean of the importance kept, which is no sum), so that a search takes seconds and
what is best can be told.  No network is trained.  Results are lines of JSON in ``benchmarks/results``; what is there
already is not run again.

    python -m benchmarks.agent            # run what is missing, and print the table
    python -m benchmarks.agent --table
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from benchmarks.pruning import known
from spear_deploy.search.methods import METHODS, Outcome, Proposal, Task
from spear_deploy.search.methods.spear.agent import BATCH, Agent, DecayingNoise, Transition, replay
from spear_deploy.search.methods.spear.method import WIDENING, Spear, spear_sac
from spear_deploy.search.methods.spear.tar import TAR
from spear_deploy.search.methods.spear.walk import Walk
from spear_deploy.search.space import KeepCounts
from spear_deploy.search.toolkit.objective import WIDTH_ABOVE, distance, reward
from tests.search.methods.synthetic import run, synthetic

RESULTS = Path(__file__).parent / "results" / "agent.jsonl"
LANDSCAPES = ((3, 30), (6, 50), (6, 15), (9, 30))
"""Groups, and the target in per cent."""
SEEDS = (0, 1)
_NEAR, _ABOVE = 0.12, 0.02
"""A network this near the target counts as near it; so far above it, fine-tuning presses it within."""


class FixedWeight(Spear):
    """The weight of the penalty stays."""

    weight = 1.0

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        self.tar = TAR(task.target, weight=self.weight, step=0.0)


class HalfWeight(FixedWeight):
    """Half of it."""

    weight = 0.5


class TwiceWeight(FixedWeight):
    """Twice of it."""

    weight = 2.0


class AboveAlone(Spear):
    """No penalty below the target."""

    def merit(self, proposal: Proposal, outcome: Outcome) -> float:
        """Return the reward."""
        predicted = self.task.predict(proposal, outcome)
        return self.tar.reward(outcome.score, max(predicted, self.task.target))


class Unbounded(Spear):
    """A penalty above the target alone that grows without bound, as wide there as the bounded one."""

    def merit(self, proposal: Proposal, outcome: Outcome) -> float:
        """Return the reward."""
        apart = max(0.0, distance(self.task.predict(proposal, outcome), self.task.target))
        return outcome.score - self.tar.weight * (apart / WIDTH_ABOVE) ** 2


class _LastStepAgent(Agent):
    """An episode is rewarded at its last step, and what comes before learns from what follows, undiscounted."""

    def remember(self, steps: Sequence[Transition]) -> None:
        """Add an episode whose last step alone ends it."""
        for index, (before, action, after) in enumerate(steps):
            ends = np.array([index == len(steps) - 1])
            self._buffer.add(before[None], after[None], action[None], np.zeros(1, np.float32), ends, [{}])
        self._episodes += 1
        if self._episodes > self._random_episodes:
            self._noise.shrink()

    def learn(self, rewards: NDArray[np.float32]) -> None:
        """Learn from the rewards of last steps."""
        model, last = self._model, np.arange(1, len(rewards) + 1) * self._groups - 1
        model.replay_buffer.rewards[last, 0] = rewards
        model.gamma = 1.0
        if self._episodes >= self._random_episodes:
            with self._random.active():
                model.train(gradient_steps=self.algorithm.gradient_steps, batch_size=BATCH)


class LastStep(Spear):
    """See :class:`_LastStepAgent`."""

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        self.agent = _LastStepAgent(
            len(task.space.groups),
            seed=task.execution.seed,
            random_episodes=len(self._starts) + task.evaluations // 8,
            most_episodes=task.evaluations,
        )


class NoStarts(Spear):
    """The replay buffer starts empty: no widths are known."""

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        self._starts.clear()


class NoRandom(Spear):
    """No episodes are drawn at random."""

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        self.agent._random_episodes = len(self._starts)


class LittleNoise(Spear):
    """Noise as narrow at first as it is at the end."""

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        self.agent._noise = DecayingNoise(task.execution.seed, width=0.05)


class MuchNoise(Spear):
    """Noise of AMC's width and decay."""

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        self.agent._noise = DecayingNoise(task.execution.seed, width=0.5, decay=0.95)


class _Walked(Spear):
    """Walks of another kind."""

    walk: type[Walk] = Walk

    def _episode(self, tries: int) -> tuple[KeepCounts, list[Transition]]:
        walk = self.walk(self.widths)
        steps = replay(walk, self._starts.pop(0)) if self._starts else self.agent.walk(walk, WIDENING**tries)
        return walk.counts, steps


class _Absolute(Walk):
    """Actions are positions, from the lowest ratio to all units."""

    def _needed(self) -> float:
        return 0.5


class _Blind(Walk):
    """Nothing of the group's need or importance is seen: what is left is after AMC."""

    def observation(self) -> NDArray[np.float32]:
        """Describe the next group."""
        seen = super().observation()
        seen[-2:] = 0.0
        return seen


class _NeedAlone(Walk):
    """The need is all that is seen."""

    def observation(self) -> NDArray[np.float32]:
        """Describe the next group."""
        seen = super().observation()
        seen[:-2] = seen[-1] = 0.0
        return seen


class AbsoluteActions(_Walked):
    """See :class:`_Absolute`."""

    walk = _Absolute


class BlindWalks(_Walked):
    """See :class:`_Blind`."""

    walk = _Blind


class NeedAlone(_Walked):
    """See :class:`_NeedAlone`."""

    walk = _NeedAlone


AS_IT_IS, EPISODES = "as it is", 160
VARIANTS: Mapping[str, tuple[Callable[[Task], Spear], int]] = {
    AS_IT_IS: (Spear, EPISODES),
    "weight fixed at 1": (FixedWeight, EPISODES),
    "weight fixed at 0.5": (HalfWeight, EPISODES),
    "weight fixed at 2": (TwiceWeight, EPISODES),
    "no penalty below the target": (AboveAlone, EPISODES),
    "an unbounded penalty above it, none below": (Unbounded, EPISODES),
    "reward at the last step alone, discount 1": (LastStep, EPISODES),
    "actions are ratios, not measured from the need": (AbsoluteActions, EPISODES),
    "neither need nor importance is seen": (BlindWalks, EPISODES),
    "the need alone is seen": (NeedAlone, EPISODES),
    "no known widths at first": (NoStarts, EPISODES),
    "no random episodes": (NoRandom, EPISODES),
    "noise 0.05 throughout": (LittleNoise, EPISODES),
    "noise 0.5, times 0.95 each (AMC)": (MuchNoise, EPISODES),
    "SAC instead of DDPG": (spear_sac, EPISODES),
    "40 episodes": (Spear, 40),
    "80 episodes": (Spear, 80),
    "400 episodes": (Spear, 400),
}
"""What is run, and for how many episodes."""
BESIDE = ("uniform", "random", "taylor", "tpe", "cmaes")
"""Other methods on the same networks, for as many episodes as the agent."""


def result(variant: str, groups: int, target: int, seed: int) -> dict[str, float]:
    """Search once: the best score near the target, the share of episodes near it, mean R of the last quarter."""
    make, episodes = VARIANTS[variant] if variant in VARIANTS else (METHODS.get(variant), EPISODES)
    task = synthetic(groups, target / 100, seed, evaluations=episodes)
    told = run(make(task.task), task)
    excess = np.array([task.excess(proposal) for proposal, _ in told])
    scores = np.array([outcome.score for _, outcome in told])
    within = (excess >= -_NEAR) & (excess <= _ABOVE)
    last = range(len(told) * 3 // 4, len(told))
    rewards = [reward(float(scores[index]), 1 + float(excess[index]), 1.0) for index in last]
    return {
        "best": float(scores[within].max(initial=0.0)),
        "near": float(np.mean(np.abs(excess) <= _NEAR)),
        "reward": float(np.mean(rewards)),
    }


def carry_out() -> None:
    """Run what is missing, and append each result as it comes."""
    done = {(each["variant"], each["groups"], each["target"], each["seed"]) for each in known(RESULTS)}
    for variant in (*VARIANTS, *BESIDE):
        for groups, target in LANDSCAPES:
            for seed in SEEDS:
                if (variant, groups, target, seed) not in done:
                    row = {"variant": variant, "groups": groups, "target": target, "seed": seed}
                    with RESULTS.open("a") as stream:
                        found = {**row, **result(variant, groups, target, seed)}
                        stream.write(json.dumps(found, sort_keys=True) + "\n")


def table(found: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield a table: best score, share of episodes near the target in per cent, and mean R of the last quarter."""
    yield "| | " + " | ".join(f"{groups} groups, {target} %" for groups, target in LANDSCAPES) + " |"
    yield "|---|" + "---|" * len(LANDSCAPES)
    for variant in VARIANTS:
        cells = []
        for groups, target in LANDSCAPES:
            rows = list(_of(found, variant, groups, target))
            best, near, mean = (np.mean([each[name] for each in rows]) for name in ("best", "near", "reward"))
            cells.append(f"{best:.3f} / {100 * near:.0f} / {mean:.2f}" if rows else "")
        yield f"| {variant} | " + " | ".join(cells) + " |"


def methods_table(found: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield a table of the best score near the target, of every method."""
    variants = {**{name: name for name in BESIDE}, "spear": AS_IT_IS}
    yield "| groups, target | " + " | ".join(f"`{name}`" for name in variants) + " |"
    yield "|---|" + "---|" * len(variants)
    for groups, target in LANDSCAPES:
        rows = [list(_of(found, variant, groups, target)) for variant in variants.values()]
        cells = [f"{np.mean([each['best'] for each in of]):.3f}" if of else "" for of in rows]
        yield f"| {groups}, {target} % | " + " | ".join(cells) + " |"


def _of(found: Sequence[Mapping[str, Any]], variant: str, groups: int, target: int) -> Iterator[Mapping[str, Any]]:
    wanted = (variant, groups, target)
    return (each for each in found if (each["variant"], each["groups"], each["target"]) == wanted)


def main() -> None:
    """Run what is missing and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", action="store_true", help="run nothing")
    if not parser.parse_args().table:
        carry_out()
    lines = (*methods_table(known(RESULTS)), "", *table(known(RESULTS)))
    Console(width=160).print("\n".join(lines), markup=False, highlight=False)


if __name__ == "__main__":
    main()
