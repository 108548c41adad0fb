"""LRE: SynOps after fine-tuning, predicted from SynOps before it.

SPEAR (Xie et al. 2025, arXiv 2507.02945) fits the line ``post = W * pre + b`` to 500 fine-tuned networks.  Here the
log ratio of SynOps after and before fine-tuning is linear in the logarithms of the SynOps and of the keep ratios::

    log(post / pre) = a + c log(pre) + sum over groups g of d_g log(ratio_g)          =: w . x
    w = argmin  sum over pairs of (log(post / pre) - w . x)^2  +  penalty |w|^2

The penalty shrinks *all* of ``w``, ``a`` included, towards 0, that is towards post = pre: the prediction without any
pairs, which a few pairs change only a little.  It is chosen by leave-one-out cross-validation (scikit-learn's RidgeCV),
from 0.1 upwards while there are few pairs per unknown: a free choice would fit their noise (figures in
docs/methods/spear.md).  All SynOps are shares of the unpruned network's.

*Winner's curse.*  Networks chosen for a low prediction turn out larger than predicted, because the lowest of many
predictions is biased.  With m pairs ``chosen`` in this way, each predicted from all other pairs with an error
e = log(post) - log(predicted), all predictions are shifted by::

    bias = (sum of e) / (m + 2)

*Interval.*  The jackknife+ (Barber et al. 2021, Ann. Statist. 49, 486): with mu_i fitted without pair i, and r_i its
error there, the ends are the ``ceil((n + 1) confidence)``-th smallest of mu_i(x) + r_i, and the same rank from above of
mu_i(x) - r_i.  No distribution is assumed.  If that rank exceeds n the interval is unbounded: 0.9 takes nine pairs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import ceil, exp, inf, log
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_PENALTIES_OF_FEW = np.logspace(-1, 1, 5)
_PENALTIES_OF_MANY = np.logspace(-8, 1, 19)
_MANY = 3
"""From this many pairs per unknown on, the penalty is chosen freely."""
_PENALTY_OF_ONE = 1.0
"""The penalty of a single pair, where leave-one-out is impossible."""
_SHRINKAGE = 2
"""Error-free pairs added to the average of the bias: one or two chosen networks say little."""
_SMALLEST = 1e-9


@dataclass(frozen=True)
class Pair:
    """One fine-tuned network: SynOps before and after, and the keep ratio of each group."""

    pre: float
    post: float
    ratios: tuple[float, ...] = ()

    @property
    def change(self) -> float:
        """log(post / pre): the change by fine-tuning."""
        return log(max(self.post, _SMALLEST) / max(self.pre, _SMALLEST))


@dataclass(frozen=True)
class LRE:
    """The model fitted to ``pairs``, of which some were ``chosen`` by their prediction; see the module docstring."""

    pairs: tuple[Pair, ...]
    chosen: tuple[Pair, ...] = ()

    def predict(self, pre: float, ratios: tuple[float, ...] = ()) -> float:
        """Return the expected share of SynOps after fine-tuning."""
        if not self.pairs:
            return pre
        return pre * exp(float(self._model @ _row(pre, ratios)) + self.bias)

    def interval(self, pre: float, ratios: tuple[float, ...] = (), confidence: float = 0.9) -> tuple[float, float]:
        """Return the prediction interval of a new network's share at that confidence; (0, inf) with too few pairs."""
        count = len(self.pairs)
        rank = ceil((count + 1) * confidence)
        if rank > count:
            return 0.0, inf
        centres, radii = self._without_each @ _row(pre, ratios) + self.bias, np.abs(self._errors)
        low, high = np.sort(centres - radii)[count - rank], np.sort(centres + radii)[rank - 1]
        return pre * exp(float(low)), pre * exp(float(high))

    @property
    def bias(self) -> float:
        """Mean error in log(post) of the chosen networks, shrunk towards 0."""
        if not self.chosen:
            return 0.0
        chosen = [error for pair, error in zip(self.pairs, self._errors, strict=True) if pair in self.chosen]
        return float(sum(chosen)) / (len(chosen) + _SHRINKAGE)

    @property
    def line(self) -> tuple[float, float]:
        """Slope and intercept of the paper's line through the same pairs; (1, 0) for fewer than two."""
        pre, post = np.array([p.pre for p in self.pairs]), np.array([p.post for p in self.pairs])
        if len(self.pairs) < 2 or np.ptp(pre) == 0:
            return 1.0, 0.0
        slope, intercept = np.polyfit(pre, post, 1)
        return float(slope), float(intercept)

    @property
    def mape(self) -> float | None:
        """Leave-one-out mean absolute percentage error, as a share; None for fewer than two pairs."""
        return float(np.mean(np.abs(np.expm1(-self._errors)))) if len(self.pairs) > 1 else None

    @cached_property
    def _model(self) -> Array:
        return _fit(self.pairs)

    @cached_property
    def _without_each(self) -> Array:
        """Coefficients fitted without each pair in turn: (pairs, unknowns)."""
        kept = [(*self.pairs[:index], *self.pairs[index + 1 :]) for index in range(len(self.pairs))]
        return np.array([_fit(pairs) if pairs else np.zeros_like(self._model) for pairs in kept])

    @cached_property
    def _errors(self) -> Array:
        """Leave-one-out errors of log(post): (pairs,)."""
        rows = zip(self.pairs, self._without_each, strict=True)
        return np.array([pair.change - float(model @ _row(pair.pre, pair.ratios)) for pair, model in rows])


def fit(pairs: Sequence[Pair], chosen: Sequence[Pair] = ()) -> LRE:
    """Return the model of these pairs; ``chosen`` are those that were fine-tuned because of their prediction."""
    return LRE(tuple(pairs), tuple(chosen))


def _row(pre: float, ratios: tuple[float, ...]) -> Array:
    """Return the regressors: 1, log pre, log ratios."""
    return np.concatenate([[1.0], np.log(np.maximum([pre, *ratios], _SMALLEST))])


def _fit(pairs: Sequence[Pair]) -> Array:
    """Return the coefficients of :func:`_row`."""
    rows = np.stack([_row(pair.pre, pair.ratios) for pair in pairs])
    changes = np.array([pair.change for pair in pairs])
    model = _ridge(*rows.shape).fit(rows, changes)
    return np.asarray(model.coef_, np.float64)


def _ridge(pairs: int, unknowns: int) -> Any:
    """Return the estimator for this number of pairs."""
    from sklearn.linear_model import Ridge, RidgeCV

    if pairs == 1:
        return Ridge(_PENALTY_OF_ONE, fit_intercept=False)
    penalties = _PENALTIES_OF_MANY if pairs >= _MANY * unknowns else _PENALTIES_OF_FEW
    return RidgeCV(alphas=penalties, fit_intercept=False)
