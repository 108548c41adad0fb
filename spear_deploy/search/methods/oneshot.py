"""No training at all: units are removed at once, and least squares makes good for them (as SBC and OSBC do).

What is left is compensated (:mod:`spear_deploy.search.compensation`) on a hundred samples without their labels.  It
proposes the widths that are known, then those of Taylor importance per SynOps and those of one ratio for all.  Nothing
corrects the rates afterwards, so it does: told that a network spends too much, or far too little, it cuts again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from spear_deploy.network.units import Units, keep_units
from spear_deploy.search.compensation import compensate
from spear_deploy.search.methods.choice import cheapest_loss, top, uniform
from spear_deploy.search.methods.protocol import Outcome, Proposal, Task
from spear_deploy.search.space import counts_of

SAMPLES = 100
_CUTS = 4
"""Networks that one rule for widths may propose."""
_LEAST_USE = 0.95
"""A network that spends less of the target than this could have kept more (chosen, not measured)."""
_BELOW = 0.98
"""A further cut aims a little below the target, or it would end as often above as within."""


class OneShot:
    """Cuts at once and compensates without training; cuts again by the SynOps that were measured."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self._spent = task.target
        self._measured: list[float] = []
        self._cuts = self._all_cuts()

    def ask(self) -> Proposal | None:
        """Return the next network; None once each rule for widths has one that uses the target, or no new one."""
        kept = next(self._cuts, None)
        if kept is None:
            return None
        pruned = keep_units(self.task.network, kept)
        samples = self.task.data.train.some(SAMPLES)
        pruned = compensate(self.task.network, pruned, kept, samples, self.task.execution)
        return Proposal(counts_of(kept), pruned, kept, tunes=False)

    def tell(self, proposal: Proposal, outcome: Outcome) -> None:
        """Take what was measured: the next cut is made by it."""
        self._spent = outcome.synops
        self._measured.append(outcome.synops)

    def merit(self, proposal: Proposal, outcome: Outcome) -> float:
        """Return the score."""
        return outcome.score

    def figures(self) -> Mapping[str, Any]:
        """Return the share of SynOps that each proposal was told to spend."""
        return {"samples": SAMPLES, "measured": list(self._measured)}

    def _all_cuts(self) -> Iterator[dict[str, Units]]:
        seen: list[dict[str, int]] = []
        rules: list[Callable[[float], dict[str, Units]]] = [lambda aim: cheapest_loss(self.task, aim)]
        rules.append(lambda aim: uniform(self.task, aim))
        for counts in self.task.known:
            seen.append(dict(counts))
            yield top(self.task.importance, counts)
        for rule in rules:
            for kept in self._cuts_of(rule):
                if counts_of(kept) in seen:
                    break
                seen.append(counts_of(kept))
                yield kept

    def _cuts_of(self, rule: Callable[[float], dict[str, Units]]) -> Iterator[dict[str, Units]]:
        aim, target = self.task.target, self.task.target
        for _ in range(_CUTS):
            yield rule(aim)
            if _LEAST_USE * target <= self._spent <= target or self._spent <= 0:
                return
            aim = min(1.0, aim * _BELOW * target / self._spent)
