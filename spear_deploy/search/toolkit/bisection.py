"""Base class of methods that bisect a path of widths for the widest network within the target."""

from __future__ import annotations

from spear_deploy.search.protocol import Outcome, Proposal, Task


class BisectionMethod:
    """All its networks lie on one path, from the unpruned network to the smallest."""

    def __init__(self, task: Task) -> None:
        self.task = task

    def is_within(self, proposal: Proposal, outcome: Outcome) -> bool:
        """Whether a network is predicted to meet the target, and fits."""
        return self.task.predict(proposal, outcome) <= self.task.target and self.task.space.fits(proposal.counts)

    def merit(self, proposal: Proposal, outcome: Outcome) -> float:
        """Return the predicted share if the target is met: on a path, the widest network is best."""
        predicted = self.task.predict(proposal, outcome)
        return predicted if predicted <= self.task.target else -predicted
