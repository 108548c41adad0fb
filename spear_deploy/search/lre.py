"""LRE: SynOps after fine-tuning, predicted from SynOps before it.

SPEAR (Xie et al. 2025, arXiv 2507.02945) fits the line ``post = W * pre + b`` on 500 fine-tuned samples.  Here the
logarithm of what fine-tuning changes is linear in the logarithms of the SynOps and of the keep ratios::

    log(post / pre) = a + c log(pre) + sum over groups g of d_g log(ratio_g)          =: w . x
    w = argmin  sum over pairs of (log(post / pre) - w . x)^2  +  penalty |w|^2

The penalty pulls *all* of ``w``, ``a`` included, towards 0, that is towards post = pre: without pairs that is what is
predicted, and a few pairs move it a little.  It is chosen by leave-one-out (scikit-learn's RidgeCV), from 0.1 upwards
while pairs are few beside the unknowns: choosing freely among few pairs fits their noise (docs/methods/spear.md has
the figures).  All SynOps are shares of the unpruned network's.

*Winner's curse.*  Networks that are chosen because little is predicted for them turn out larger: of many predictions
the lowest is too low.  With the m pairs that were ``chosen`` so, each predicted from all other pairs with an error
e = log(post) - log(predicted), all predictions move by::

    bias = (sum of e) / (m + 2)

*Interval.*  The jackknife+ (Barber et al. 2021, Ann. Statist. 49, 486): with mu_i fitted without pair i, and r_i its
error there, the ends are the ``ceil((n + 1) confidence)``-th smallest of mu_i(x) + r_i and the same of mu_i(x) - r_i
from above.  No distribution is assumed.  Where that rank is beyond n, nothing can be said with that confidence, and the
interval is unbounded: nine pairs are needed for 0.9.
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
"""So many pairs for each unknown are many."""
_PENALTY_OF_ONE = 1.0
"""One pair cannot be left out."""
_SHRINKAGE = 2
"""Chosen networks without an error that the bias is averaged with: one or two chosen networks say little."""
_SMALLEST = 1e-9


@dataclass(frozen=True)
class Pair:
    """One fine-tuned network: SynOps before and after, and the keep ratio of each group."""

    pre: float
    post: float
    ratios: tuple[float, ...] = ()

    @property
    def change(self) -> float:
        """The logarithm of what fine-tuning changed."""
        return log(max(self.post, _SMALLEST) / max(self.pre, _SMALLEST))


@dataclass(frozen=True)
class LRE:
    """What was learnt from ``pairs``, of which some were ``chosen`` by their prediction; see the module."""

    pairs: tuple[Pair, ...]
    chosen: tuple[Pair, ...] = ()

    def predict(self, pre: float, ratios: tuple[float, ...] = ()) -> float:
        """Return the share that is expected after fine-tuning."""
        if not self.pairs:
            return pre
        return pre * exp(float(self._model @ _row(pre, ratios)) + self.bias)

    def interval(self, pre: float, ratios: tuple[float, ...] = (), confidence: float = 0.9) -> tuple[float, float]:
        """Return the ends (shares) of what a new network's share lies in with that confidence; (0, inf): unknown."""
        count = len(self.pairs)
        rank = ceil((count + 1) * confidence)
        if rank > count:
            return 0.0, inf
        centres, radii = self._without_each @ _row(pre, ratios) + self.bias, np.abs(self._errors)
        low, high = np.sort(centres - radii)[count - rank], np.sort(centres + radii)[rank - 1]
        return pre * exp(float(low)), pre * exp(float(high))

    @property
    def bias(self) -> float:
        """By how much, in log(post), chosen networks turned out larger than predicted; shrunk towards 0."""
        if not self.chosen:
            return 0.0
        chosen = [error for pair, error in zip(self.pairs, self._errors, strict=True) if pair in self.chosen]
        return float(sum(chosen)) / (len(chosen) + _SHRINKAGE)

    @property
    def line(self) -> tuple[float, float]:
        """Slope and intercept of the plain line of the paper through the same pairs; (1, 0) for fewer than two."""
        pre, post = np.array([p.pre for p in self.pairs]), np.array([p.post for p in self.pairs])
        if len(self.pairs) < 2 or np.ptp(pre) == 0:
            return 1.0, 0.0
        slope, intercept = np.polyfit(pre, post, 1)
        return float(slope), float(intercept)

    @property
    def mape(self) -> float | None:
        """Mean absolute error of predicting each pair from all others, as a share; None for fewer than two pairs."""
        return float(np.mean(np.abs(np.expm1(-self._errors)))) if len(self.pairs) > 1 else None

    @cached_property
    def _model(self) -> Array:
        return _fit(self.pairs)

    @cached_property
    def _without_each(self) -> Array:
        """The model without each pair: (pairs, unknowns)."""
        kept = [(*self.pairs[:index], *self.pairs[index + 1 :]) for index in range(len(self.pairs))]
        return np.array([_fit(pairs) if pairs else np.zeros_like(self._model) for pairs in kept])

    @cached_property
    def _errors(self) -> Array:
        """Errors of log(post), each pair predicted from all others: (pairs,)."""
        rows = zip(self.pairs, self._without_each, strict=True)
        return np.array([pair.change - float(model @ _row(pair.pre, pair.ratios)) for pair, model in rows])


def fit(pairs: Sequence[Pair], chosen: Sequence[Pair] = ()) -> LRE:
    """Return what these pairs tell; ``chosen`` are those among them that were fine-tuned for their prediction."""
    return LRE(tuple(pairs), tuple(chosen))


def _row(pre: float, ratios: tuple[float, ...]) -> Array:
    """Return the numbers that a change is linear in: 1, log pre, log ratios."""
    return np.concatenate([[1.0], np.log(np.maximum([pre, *ratios], _SMALLEST))])


def _fit(pairs: Sequence[Pair]) -> Array:
    """Return the coefficients of :func:`_row`."""
    rows = np.stack([_row(pair.pre, pair.ratios) for pair in pairs])
    changes = np.array([pair.change for pair in pairs])
    model = _ridge(*rows.shape).fit(rows, changes)
    return np.asarray(model.coef_, np.float64)


def _ridge(pairs: int, unknowns: int) -> Any:
    """Return the estimator for so many pairs."""
    from sklearn.linear_model import Ridge, RidgeCV

    if pairs == 1:
        return Ridge(_PENALTY_OF_ONE, fit_intercept=False)
    penalties = _PENALTIES_OF_MANY if pairs >= _MANY * unknowns else _PENALTIES_OF_FEW
    return RidgeCV(alphas=penalties, fit_intercept=False)
