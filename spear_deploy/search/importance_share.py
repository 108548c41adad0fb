"""What units hold of the importance of their groups: the score of a network, and what each removal takes of it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray


def importance_lost(units: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return by how much the logarithm of a group's importance falls if each unit of it went alone, (units,), from 0.

    By that, divided by the number of groups, falls the logarithm of :func:`kept_importance`.  It grows as a group
    narrows: the last unit takes everything, and is infinitely dear.
    """
    whole = units.sum()
    if whole <= 0:
        return np.zeros(len(units))
    with np.errstate(divide="ignore"):
        lost: NDArray[np.float64] = -np.log1p(-np.minimum(units / whole, 1.0))
    return lost


def kept_importance(importance: Mapping[str, NDArray[np.float64]], kept: Mapping[str, NDArray[np.intp]]) -> float:
    """Return the geometric mean over the groups of the share of their importance that the kept units hold (0..1).

    A network is as good as its narrowest group: the plain sum likes networks that keep a single unit somewhere.  No
    network is run for it.  Of the scores that were tried it predicts the accuracy after fine-tuning best, or as well as
    any (docs/search.md).
    """
    shares = [
        float(importance[name][units].sum() / importance[name].sum())
        for name, units in kept.items()
        if importance[name].sum() > 0
    ]
    return float(np.exp(np.mean(np.log(np.maximum(shares, 1e-12))))) if shares else 0.0
