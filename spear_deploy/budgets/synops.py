"""Synaptic operations a sample: their mean over the samples, and what all but one sample in twenty keep.

A percentage is a share of what the unpruned network should do (:attr:`~spear_deploy.measure.measured.Baseline.whole`).
"""

from __future__ import annotations

import numpy as np

from spear_deploy.budgets.resource import AMOUNT, PERCENTAGE, Resource
from spear_deploy.measure.activity import Activity


def _mean(activity: Activity) -> float:
    return activity.mean_synops


def _p95(activity: Activity) -> float:
    return float(np.percentile(activity.total, 95))


MEAN = Resource(
    name="synops",
    title="SynOps a sample",
    help="Budget of SynOps a sample, in the mean: a number, or a percentage of the unpruned network's.",
    takes=(AMOUNT, PERCENTAGE),
    measured=lambda network, _: _mean(network.activity),
    of_activity=_mean,
    percentage_of=lambda baseline: _mean(baseline.whole),
)

P95 = Resource(
    name="synops_p95",
    title="SynOps a sample (95th percentile)",
    help="Budget of SynOps that 95 % of the samples keep: a number, or a percentage of the unpruned network's.",
    takes=(AMOUNT, PERCENTAGE),
    measured=lambda network, _: _p95(network.activity),
    of_activity=_p95,
    percentage_of=lambda baseline: _p95(baseline.whole),
)
