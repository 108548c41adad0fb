"""The comparison of candidates: fine-tuned briefly first, and those that may still win for as long as the stages took.

A network that spends far less than the leader is a smaller network, and their accuracies say little about each other.
Uniform widths can be one: they are chosen by what units cost at the unpruned network's rates, and rates fall with the
widths in a loop, where fewer units hear less of each other, and with weights that are untrained.  Such widths are
widened by what they were measured to use, and trained from the start for as long.  What spends too much is pressed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from spear_deploy.progress import Tick
from spear_deploy.search.candidate import Candidate, Option, best_of, gain, press, start
from spear_deploy.search.evaluator import Evaluator
from spear_deploy.search.goal import Goal
from spear_deploy.search.space import KeepCounts, Space, widest_uniform
from spear_deploy.train.config import FinetuneConfig

_FAR_BEHIND, _BEHIND = 3.0, 1.0
"""Standard errors behind which a candidate no longer overtakes; the second for untrained weights."""
_SMALLER = 0.6
"""Below this share of another network's SynOps, a network is a smaller one, and not compared by its accuracy."""
_WELL_USED = 0.85
"""Use of a budget, as a share of it, from which widths are kept: the closing fine-tuning changes the rest."""
_WIDENINGS = 2
"""Most times that a candidate's widths are widened."""


@dataclass(frozen=True, eq=False)
class Comparison:
    """How options of one search become candidates.

    ``config`` is the brief fine-tuning, at the search's learning rate; ``stages`` are the batches that the gradual path
    took, which networks pruned at once get too.  ``rebuild`` makes an option anew with other widths, and ``uniform``
    are the widths of uniform pruning, the only ones that are widened.
    """

    evaluator: Evaluator
    goal: Goal
    space: Space
    config: FinetuneConfig
    stages: int
    uniform: KeepCounts
    rebuild: Callable[[Option, KeepCounts], Option]

    def candidates(self, options: Sequence[Option], tick: Tick) -> list[Candidate]:
        """Return a candidate of each option, and of each that was widened; after the deadline no further ones."""
        started = []
        for done, option in enumerate(options, start=1):
            started.append(start(option, self.evaluator, self.goal, self.config))
            tick(done, len(options))
            if self.evaluator.execution.deadline.passed:
                break
        return self._without_hope(started, self._with_widened(self._trained_on(started)))

    def _trained_on(self, started: Sequence[Candidate]) -> list[Candidate]:
        """Give networks that were pruned at once the batches that stages had, if they may win."""
        leader = _leader(started)

        def trained_on(candidate: Candidate) -> Candidate:
            missing = self.stages - candidate.option.steps
            may_lead = is_smaller(candidate, leader) or may_win(candidate, started)
            if not candidate.option.proposal.tunes or missing <= 0 or not may_lead:
                return candidate
            return press(candidate, self.evaluator, self.goal, self.config.lasting(missing), attempt=0)

        return [trained_on(each) for each in started]

    def _without_hope(self, started: Sequence[Candidate], compared: Sequence[Candidate]) -> list[Candidate]:
        """Give up on untrained weights that cannot win; others may still be what meets the budgets best."""

        def judged(candidate: Candidate) -> Candidate:
            asked = candidate.option.of == self.evaluator.options.method
            untrained = candidate.option.proposal.untrained and not asked
            return replace(candidate, given_up=untrained and not may_win(candidate, started))

        return [judged(each) for each in compared]

    def _with_widened(self, compared: Sequence[Candidate]) -> list[Candidate]:
        """Add what uniform widths become that leave room in the budgets, where they lead or are smaller."""
        found = list(compared)
        for candidate in compared:
            counts, latest = self.uniform, candidate
            for _ in range(_WIDENINGS):
                wider = self._widened(latest, counts)
                leader = best_of(found, self.goal, self.evaluator.options.method)
                if dict(wider) == dict(counts) or (latest is not leader and not is_smaller(latest, leader)):
                    break
                config = self.config.lasting(candidate.batches(len(self.evaluator.data.train)))
                latest = start(self.rebuild(latest.option, wider), self.evaluator, self.goal, config)
                found.append(latest)
                counts = wider
        return found

    def _widened(self, candidate: Candidate, counts: KeepCounts) -> KeepCounts:
        """Return the uniform widths that would use the budget, in proportion to what ``counts`` were measured to use.

        The same counts where they leave no room, or where there is no time to train wider ones.
        """
        budget, option = self.goal.binding(candidate.measured), candidate.option
        is_uniform = option.proposal.tunes and not option.steps and dict(option.proposal.counts) == dict(counts)
        late = self.evaluator.execution.deadline.passed
        if budget is None or not is_uniform or late:
            return counts
        use = self.goal.use(budget, candidate.measured)
        if use >= _WELL_USED:
            return counts
        share = self.evaluator.predicted_share(counts) * self.evaluator.options.aim / use
        return widest_uniform(self.space, lambda each: self.evaluator.predicted_share(each) <= share)


def may_win(candidate: Candidate, started: Sequence[Candidate]) -> bool:
    """Whether a candidate may still overtake the most accurate of those that were ``started`` by a brief fine-tuning.

    That one may have been trained for longer before.  Untrained weights are compared with the same widths cut from the
    trained network instead, if those are among them: where these are no head start, they may be a handicap.
    """
    uniform = next((each for each in started if each.option.of == "uniform"), None)
    if candidate.option.proposal.untrained and uniform is not None:
        return gain(uniform.measured.val, candidate.measured.val) <= _BEHIND
    return gain(_leader(started).measured.val, candidate.measured.val) <= _FAR_BEHIND


def _leader(candidates: Sequence[Candidate]) -> Candidate:
    return max(candidates, key=lambda each: each.measured.val.accuracy)


def is_smaller(candidate: Candidate, leader: Candidate) -> bool:
    """Whether a candidate spends so much less than the leader that their accuracies cannot be compared."""
    return candidate.measured.val.mean_synops < _SMALLER * leader.measured.val.mean_synops
