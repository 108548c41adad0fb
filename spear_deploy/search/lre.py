"""LRE: SynOps after fine-tuning, predicted from SynOps before it by linear regression.

    post ~ W * pre + b

SPEAR (Xie et al. 2025, arXiv 2507.02945) fits W and b on 500 fine-tuned samples; here samples are added
only while the prediction interval at the target is too wide.  Both sides are shares of the unpruned
network's SynOps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Pair:
    """One fine-tuned sample: SynOps before and after, as shares of the unpruned network's."""

    pre: float
    post: float


@dataclass(frozen=True)
class LRE:
    """A fitted line with what is needed for its prediction interval."""

    slope: float
    intercept: float
    residual: float
    count: int
    mean: float
    spread: float

    def predict(self, pre: float) -> float:
        """Return the predicted share after fine-tuning; never below zero."""
        return max(0.0, self.slope * pre + self.intercept)

    def half_width(self, pre: float, confidence: float = 0.9) -> float:
        """Return the half-width of the prediction interval of one new sample at ``pre``."""
        from scipy.stats import t

        if self.count < 3:
            return float("inf")
        deviation = (pre - self.mean) ** 2 / self.spread if self.spread else 0.0
        quantile = float(t.ppf(0.5 + confidence / 2, self.count - 2))
        return quantile * self.residual * float(np.sqrt(1 + 1 / self.count + deviation))

    def inverse(self, post: float) -> float:
        """Return the share before fine-tuning that leads to ``post``."""
        return (post - self.intercept) / self.slope if self.slope else post


def fit(pairs: Sequence[Pair]) -> LRE:
    """Fit by least squares; with fewer than two distinct samples, assume that fine-tuning changes nothing."""
    pre, post = np.array([p.pre for p in pairs]), np.array([p.post for p in pairs])
    spread = float(np.sum((pre - pre.mean()) ** 2)) if len(pairs) else 0.0
    if len(pairs) < 2 or spread == 0:
        return LRE(1.0, 0.0, float("inf"), len(pairs), 0.0, 0.0)
    slope = float(np.sum((pre - pre.mean()) * (post - post.mean())) / spread)
    intercept = float(post.mean() - slope * pre.mean())
    errors = post - (slope * pre + intercept)
    residual = float(np.sqrt(np.sum(errors**2) / max(1, len(pairs) - 2)))
    return LRE(slope, intercept, residual, len(pairs), float(pre.mean()), spread)


def held_out_mape(pairs: Sequence[Pair], first: int = 3) -> float | None:
    """Return the mean absolute percentage error of predicting each pair from those before it.

    The first ``first`` pairs only serve to fit.  None where no pair is left to predict.
    """
    errors = [
        abs(fit(pairs[:index]).predict(pair.pre) - pair.post) / pair.post
        for index, pair in enumerate(pairs)
        if index >= first and pair.post > 0
    ]
    return float(np.mean(errors)) if errors else None
