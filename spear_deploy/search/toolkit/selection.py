"""Selecting units: in the order of their merit, as many as fit the target by the cost model."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from spear_deploy.network.units import Units
from spear_deploy.search.cost import SynopsCost
from spear_deploy.search.importance import most_important
from spear_deploy.search.protocol import Outcome, Proposal, Task
from spear_deploy.search.removal import remove
from spear_deploy.search.space import KeepCounts, counts_of, widest_uniform

Merit = Mapping[str, NDArray[np.float64]]
"""The merit of each unit of each group, (units,), on one scale for all groups."""

_HALVINGS = 12


def predicted_share(task: Task, kept: Mapping[str, Units]) -> float:
    """Return the share of SynOps expected of the kept units after fine-tuning."""
    return task.predict(Proposal(counts_of(kept)), Outcome(0.0, task.cost.share_of(kept)))


def best_units(merit: Merit, counts: KeepCounts) -> dict[str, Units]:
    """Return the ``counts`` units of most merit of each group."""
    return {name: most_important(np.asarray(merit[name]), count) for name, count in counts.items()}


def fill_up(cost: SynopsCost, kept: Mapping[str, Units], merit: Merit, aim: float) -> dict[str, Units]:
    """Return ``kept`` and, in the order of merit, each further unit that fits within ``aim``, a share of the SynOps.

    Units of merit -inf are left out.  If ``kept`` exceeds ``aim`` already, nothing is added.
    """
    chosen = {name: np.isin(np.arange(len(values)), kept[name]) for name, values in merit.items()}
    order = [(float(value), name, unit) for name, values in merit.items() for unit, value in enumerate(values)]
    order.sort(key=lambda entry: -entry[0])  # stable: ties go to the first
    for value, name, unit in order:
        if chosen[name][unit] or value == -np.inf:
            continue
        chosen[name][unit] = True
        if cost.share_of(_indices(chosen)) > aim:
            chosen[name][unit] = False
    return _indices(chosen)


def select_units(task: Task, merit: Merit, aim: float | None = None) -> dict[str, Units]:
    """Return the units of most merit within ``aim`` (None: the target) whose placement fits.

    Every group keeps at least as many as in the smallest network.
    """
    least = best_units(merit, task.space.smallest)
    high = task.target if aim is None else aim
    kept = fill_up(task.cost, least, merit, high)
    if task.space.fits(counts_of(kept)):
        return kept
    low, best = 0.0, least
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        kept = fill_up(task.cost, least, merit, middle)
        if task.space.fits(counts_of(kept)):
            low, best = middle, kept
        else:
            high = middle
    return best


def select_by_importance(task: Task, aim: float) -> dict[str, Units]:
    """Return what :func:`~spear_deploy.search.removal.remove` leaves at ``aim``, a share of the SynOps.

    Every group keeps at least as many as in the smallest network.
    """
    space, cost = task.space, task.cost
    return remove(task.importance, cost, aim * cost.total, space.smallest, space.fits)


def select_uniform(task: Task, aim: float | None = None) -> dict[str, Units]:
    """Return the most important units at the largest common ratio that is predicted to be within the target.

    With an ``aim``, the SynOps right after pruning, at unpruned firing rates, are within that share instead.
    """

    def is_within(counts: KeepCounts) -> bool:
        kept = best_units(task.importance, counts)
        return predicted_share(task, kept) <= task.target if aim is None else task.cost.share_of(kept) <= aim

    return best_units(task.importance, widest_uniform(task.space, is_within))


def _indices(chosen: Mapping[str, NDArray[np.bool_]]) -> dict[str, Units]:
    return {name: np.flatnonzero(mask) for name, mask in chosen.items()}
