"""Which units are kept: as many, in the order of their merit, as the cost model says the target has room for."""

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
"""What each unit of each group is worth, (units,), on one scale for all groups."""

_HALVINGS = 12


def share(cost: SynopsCost, kept: Mapping[str, Units]) -> float:
    """Return the SynOps of the units that are kept as a share of all, at the rates of the unpruned network."""
    return cost.of(kept) / cost.total if cost.total else 0.0


def predicted_share(task: Task, kept: Mapping[str, Units]) -> float:
    """Return the share of SynOps that is expected of the units that are kept after fine-tuning."""
    return task.predict(Proposal(counts_of(kept)), Outcome(0.0, share(task.cost, kept)))


def best_units(merit: Merit, counts: KeepCounts) -> dict[str, Units]:
    """Return so many units of each group, those of most merit."""
    return {name: most_important(np.asarray(merit[name]), count) for name, count in counts.items()}


def fill_up(cost: SynopsCost, kept: Mapping[str, Units], merit: Merit, aim: float) -> dict[str, Units]:
    """Return ``kept`` and, in the order of merit, each further unit with which SynOps stay within ``aim``, a share.

    Those of a merit of -inf are left out.  If ``kept`` is beyond ``aim`` already, nothing is added to it.
    """
    chosen = {name: np.isin(np.arange(len(values)), kept[name]) for name, values in merit.items()}
    order = [(float(value), name, unit) for name, values in merit.items() for unit, value in enumerate(values)]
    order.sort(key=lambda entry: -entry[0])  # stable: of equal ones the first
    for value, name, unit in order:
        if chosen[name][unit] or value == -np.inf:
            continue
        chosen[name][unit] = True
        if share(cost, _indices(chosen)) > aim:
            chosen[name][unit] = False
    return _indices(chosen)


def select_units(task: Task, merit: Merit, aim: float | None = None) -> dict[str, Units]:
    """Return the units of most merit within ``aim`` (None: the target), and within what the placement tells.

    Every group keeps what the smallest network has of it at least.
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

    Every group keeps what the smallest network has of it.
    """
    space, cost = task.space, task.cost
    return remove(task.importance, cost, aim * cost.total, space.smallest, space.fits)


def select_uniform(task: Task, aim: float | None = None) -> dict[str, Units]:
    """Return the units of most importance at the largest common ratio that is predicted to be within the target.

    With an ``aim``, that is the share of SynOps right after the cut, at unpruned rates.
    """

    def is_within(counts: KeepCounts) -> bool:
        kept = best_units(task.importance, counts)
        return predicted_share(task, kept) <= task.target if aim is None else share(task.cost, kept) <= aim

    return best_units(task.importance, widest_uniform(task.space, is_within))


def _indices(chosen: Mapping[str, NDArray[np.bool_]]) -> dict[str, Units]:
    return {name: np.flatnonzero(mask) for name, mask in chosen.items()}
