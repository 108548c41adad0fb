"""Synaptic operations per sample: their mean and their 95th percentile over the samples.

A percentage is a share of the work of the unpruned network (:attr:`~spear_deploy.measure.measured.Baseline.whole`).
"""

from __future__ import annotations

import numpy as np

from spear_deploy.budgets.resource import AMOUNT, PERCENTAGE, Resource
from spear_deploy.measure.activity import Activity

_BUSY = 0.95
"""The share of samples within a budget of the 95th percentile."""


def _mean(activity: Activity) -> float:
    return activity.mean_synops


def _mean_bound(activity: Activity, confidence: float) -> float:
    """Return the one-sided bound of Student's t on the mean; for a single sample, its value."""
    from scipy.stats import t

    count = len(activity.total)
    if count < 2:
        return _mean(activity)
    error = float(np.std(activity.total, ddof=1)) / float(np.sqrt(count))
    return _mean(activity) + float(t.ppf(confidence, count - 1)) * error


def _p95(activity: Activity) -> float:
    return float(np.percentile(activity.total, 100 * _BUSY))


def _p95_bound(activity: Activity, confidence: float) -> float:
    """Return the order statistic beyond the percentile with that confidence, for any distribution.

    The number of n samples below the percentile is binomial (n, 0.95).  With too few samples (fewer than 59 at a
    confidence of 0.95), the largest is taken.
    """
    from scipy.stats import binom

    count = len(activity.total)
    rank = int(binom.ppf(confidence, count, _BUSY))
    return float(np.sort(activity.total)[min(rank, count - 1)])


MEAN = Resource(
    name="synops",
    title="SynOps a sample",
    help="Budget of SynOps a sample, in the mean: a number, or a percentage of the unpruned network's.",
    takes=(AMOUNT, PERCENTAGE),
    least=1.0,
    measured=lambda performance: _mean(performance.activity),
    of_activity=_mean,
    bound=_mean_bound,
    percentage_of=lambda baseline: _mean(baseline.whole),
)

P95 = Resource(
    name="synops_p95",
    title="SynOps a sample (95th percentile)",
    help="Budget of SynOps that 95 % of the samples keep: a number, or a percentage of the unpruned network's.",
    takes=(AMOUNT, PERCENTAGE),
    least=1.0,
    measured=lambda performance: _p95(performance.activity),
    of_activity=_p95,
    bound=_p95_bound,
    percentage_of=lambda baseline: _p95(baseline.whole),
)
