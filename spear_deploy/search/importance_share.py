"""Shares of a group's importance: the score of a pruned network, and how much each removal costs."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray


def importance_lost(units: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the drop in the log importance of a group if each of its units alone were removed, (units,), >= 0.

    Divided by the number of groups, it is the drop in the logarithm of :func:`kept_importance`.  It grows as the group
    narrows, and is infinite for the last unit.
    """
    whole = units.sum()
    if whole <= 0:
        return np.zeros(len(units))
    with np.errstate(divide="ignore"):
        lost: NDArray[np.float64] = -np.log1p(-np.minimum(units / whole, 1.0))
    return lost


def kept_importance(importance: Mapping[str, NDArray[np.float64]], kept: Mapping[str, NDArray[np.intp]]) -> float:
    """Return the share of importance that the kept units hold, as a geometric mean over the groups (0..1).

    A network is only as good as its narrowest group, while a plain sum favours networks that keep a single unit
    somewhere.  No network is run.  Of the scores tried, none predicts the accuracy after fine-tuning better
    (docs/search.md).
    """
    shares = [
        float(importance[name][units].sum() / importance[name].sum())
        for name, units in kept.items()
        if importance[name].sum() > 0
    ]
    return float(np.exp(np.mean(np.log(np.maximum(shares, 1e-12))))) if shares else 0.0
