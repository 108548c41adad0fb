"""One-shot pruning without training: units are removed at once, and least squares compensates (as in SBC and OSBC).

The remaining weights are adjusted (:mod:`spear_deploy.search.toolkit.compensation`) on a hundred unlabelled samples.
Proposed are the widths already known, then widths by Taylor importance per SynOp, then uniform widths.  No fine-tuning
corrects the firing rates afterwards, so the method does: when a network measures above the target, or far below it, the
next proposal is pruned to a corrected target.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from spear_deploy.network.units import Units, keep_units
from spear_deploy.search.protocol import Outcome, Proposal, Task
from spear_deploy.search.space import counts_of
from spear_deploy.search.toolkit.compensation import compensate
from spear_deploy.search.toolkit.selection import best_units, select_by_importance, select_uniform

SAMPLES = 100
_CUTS = 4
"""Proposals per rule for widths."""
_LEAST_USE = 0.95
"""A network that uses a smaller share of the target than this could have kept more (chosen, not measured)."""
_BELOW = 0.98
"""A further proposal aims slightly below the target: aimed at it, it would end above as often as below."""


class OneShot:
    """Prunes once and compensates without training; prunes again according to the measured SynOps."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self._spent = task.target
        self._measured: list[float] = []
        self._cuts = self._all_cuts()

    def ask(self) -> Proposal | None:
        """Return the next network; None once each rule for widths has used the target or repeats itself."""
        kept = next(self._cuts, None)
        if kept is None:
            return None
        pruned = keep_units(self.task.network, kept)
        samples = self.task.data.train.some(SAMPLES)
        pruned = compensate(self.task.network, pruned, kept, samples, self.task.execution)
        return Proposal(counts_of(kept), pruned, kept, tunes=False)

    def tell(self, proposal: Proposal, outcome: Outcome) -> None:
        """Take the measured SynOps: the next target is corrected by them."""
        self._spent = outcome.synops
        self._measured.append(outcome.synops)

    def merit(self, proposal: Proposal, outcome: Outcome) -> float:
        """Return the score."""
        return outcome.score

    def figures(self) -> Mapping[str, Any]:
        """Return the measured share of SynOps of each proposal."""
        return {"samples": SAMPLES, "measured": list(self._measured)}

    def _all_cuts(self) -> Iterator[dict[str, Units]]:
        seen: list[dict[str, int]] = []
        rules: list[Callable[[float], dict[str, Units]]] = [lambda aim: select_by_importance(self.task, aim)]
        rules.append(lambda aim: select_uniform(self.task, aim))
        for counts in self.task.known:
            seen.append(dict(counts))
            yield best_units(self.task.importance, counts)
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
