"""Greedy removal of units: least importance lost per SynOp saved."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from spear_deploy.network.units import Units
from spear_deploy.search.importance_share import importance_lost
from spear_deploy.search.space import KeepCounts, counts_of

if TYPE_CHECKING:
    from spear_deploy.search.cost import SynopsCost

_NOTHING = 1e-12


def remove(
    importance: Mapping[str, NDArray[np.float64]],
    cost: SynopsCost,
    wanted: float,
    fewest: Mapping[str, int],
    fits: Callable[[KeepCounts], bool] = lambda counts: True,
) -> dict[str, Units]:
    """Remove units until SynOps are at most ``wanted`` and the rest ``fits``, or none can go; return the units left.

    Each step removes the unit with the least importance lost in its group per SynOp saved.  Both are recomputed after
    every step: a removal makes the units at the other end of its projections cheaper, and the remaining units of its
    own group more important.  ``fewest`` units of each group are kept.
    """
    kept: dict[str, Units] = {name: np.arange(units) for name, units in cost.units.items()}
    while cost.of(kept) > wanted or not fits(counts_of(kept)):
        saved = cost.saved(kept)
        worth = {
            name: importance_lost(importance[name][units]) / np.maximum(saved[name][units], _NOTHING)
            for name, units in kept.items()
            if len(units) > fewest[name]
        }
        if not worth:
            break
        name = min(worth, key=lambda each: float(worth[each].min()))
        kept[name] = np.delete(kept[name], int(np.argmin(worth[name])))
    return kept
