"""Optuna's samplers behind the protocol: asked for positions of the widths, told R.

What is sampled are positions up to a shift that is common to all groups: as in random.py, they are moved together until
predicted SynOps meet the target, so that all evaluations go to networks that could be delivered.

A sampler draws from random states of its own; of Optuna's global state, what it logs is kept silent for the time of
each call and put back.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import optuna

from spear_deploy.search.methods.protocol import Outcome, Proposal, Task
from spear_deploy.search.methods.sampled import Sampled
from spear_deploy.search.methods.widths import starts
from spear_deploy.search.space import KeepCounts


class StudyMethod(Sampled):
    """A method whose widths one of Optuna's samplers draws, from what is known (see ``widths.starts``) onwards.

    Positions are sampled over their whole range, 0..1, or within a half on both sides of those of some widths, for
    samplers that begin in the middle.
    """

    def __init__(
        self, task: Task, sampler: optuna.samplers.BaseSampler, middle: Mapping[str, float] | None = None
    ) -> None:
        super().__init__(task)
        middle = middle or dict.fromkeys(task.space.units, 0.5)
        self._ranges = {name: optuna.distributions.FloatDistribution(at - 0.5, at + 0.5) for name, at in middle.items()}
        with _silent():
            self._study = optuna.create_study(direction="maximize", sampler=sampler)
            for counts in starts(self.widths):
                self._study.enqueue_trial(self._clipped(self.widths.positions(counts)))
        self._trial: optuna.Trial | None = None

    def draw(self) -> KeepCounts:
        """Return the widths of the next trial."""
        with _silent():
            self._trial = self._study.ask(dict(self._ranges))
        return self.widths.widest_that_fits(self._trial.params)

    def discard(self, counts: KeepCounts) -> None:
        """Tell the sampler the R of a network that it had before, or that the one it drew does not fit."""
        known = {tuple(p.counts.items()): (p, outcome) for p, outcome in self.told}
        entry = known.get(tuple(counts.items()))
        self._tell_study(None if entry is None else self.merit(*entry))

    def tell(self, proposal: Proposal, outcome: Outcome) -> None:
        """Tell the sampler R."""
        super().tell(proposal, outcome)
        self._tell_study(self.merit(proposal, outcome))

    def _clipped(self, positions: Mapping[str, float]) -> dict[str, float]:
        return {name: min(ends.high, max(ends.low, positions[name])) for name, ends in self._ranges.items()}

    def _tell_study(self, reward: float | None) -> None:
        assert self._trial is not None
        state = optuna.trial.TrialState.FAIL if reward is None else None
        with _silent():
            self._study.tell(self._trial, reward, state=state)


@contextmanager
def _silent() -> Iterator[None]:
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)
