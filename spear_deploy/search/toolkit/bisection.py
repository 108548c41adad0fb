"""What methods share that look for the widest network within the target on one path of widths, by bisection."""

from __future__ import annotations

from spear_deploy.search.protocol import Outcome, Proposal, Task


class BisectionMethod:
    """A method whose networks lie on one path, from the unpruned one to the smallest."""

    def __init__(self, task: Task) -> None:
        self.task = task

    def is_within(self, proposal: Proposal, outcome: Outcome) -> bool:
        """Whether a network is predicted to meet the target, and fits."""
        return self.task.predict(proposal, outcome) <= self.task.target and self.task.space.fits(proposal.counts)

    def merit(self, proposal: Proposal, outcome: Outcome) -> float:
        """Return the share predicted, where the target is met: of one path the widest is best."""
        predicted = self.task.predict(proposal, outcome)
        return predicted if predicted <= self.task.target else -predicted
