"""Base class of methods that are samplers of Optuna: asked for positions of the widths, told the reward R.

Sampled positions are shifted together, as in methods/random.py, until predicted SynOps meet the target, so that every
evaluation goes to a network that could be delivered.

Samplers have their own random states.  Optuna's log level is global: it is lowered during each call and restored.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import optuna

from spear_deploy.search.protocol import Outcome, Proposal, Task
from spear_deploy.search.space import KeepCounts
from spear_deploy.search.toolkit.sampling import SamplingMethod
from spear_deploy.search.toolkit.widths import starting_widths


class OptunaMethod(SamplingMethod):
    """Widths drawn by a sampler of Optuna, after the known ones (``widths.starting_widths``).

    Positions are sampled from 0..1, or, for samplers that start at a centre, within 0.5 of the ``middle`` positions.
    """

    def __init__(
        self, task: Task, sampler: optuna.samplers.BaseSampler, middle: Mapping[str, float] | None = None
    ) -> None:
        super().__init__(task)
        middle = middle or dict.fromkeys(task.space.units, 0.5)
        self._ranges = {name: optuna.distributions.FloatDistribution(at - 0.5, at + 0.5) for name, at in middle.items()}
        with _silent():
            self._study = optuna.create_study(direction="maximize", sampler=sampler)
            for counts in starting_widths(self.widths):
                self._study.enqueue_trial(self._clipped(self.widths.positions(counts)))
        self._trial: optuna.Trial | None = None

    def draw(self) -> KeepCounts:
        """Return the widths of the next trial."""
        with _silent():
            self._trial = self._study.ask(dict(self._ranges))
        return self.widths.widest_that_fits(self._trial.params)

    def discard(self, counts: KeepCounts) -> None:
        """Tell the sampler the known R of a repeated network, or that a network that does not fit failed."""
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
