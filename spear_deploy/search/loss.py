"""Loss on decisions, a finer measure than accuracy."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as functional
from scipy.special import log_softmax

from spear_deploy.data import Split
from spear_deploy.decision import network_rule
from spear_deploy.execution import Execution
from spear_deploy.measure.activity import Activity
from spear_deploy.measure.runs import FloatRun
from spear_deploy.network import Network
from spear_deploy.train.losses import logits

_SCALES = 2.0 ** np.arange(-6.0, 6.5, 0.5)
"""Scales tried, relative to scores of standard deviation 1."""


def calibrated_loss(activity: Activity) -> float:
    """Return the mean cross-entropy of an activity's decisions, in nats, at the best scale of its scores.

    On a few hundred samples accuracy moves in coarse steps and by chance; the loss says more.  A chip's scores have
    their own unit, and an overconfident network decides as well as a calibrated one, so the scale is fitted
    (temperature scaling, Guo et al. 2017).
    """
    scores, labels = activity.scores, activity.labels
    spread = float(scores.std()) or 1.0
    losses = [_cross_entropy(scores * (scale / spread), labels) for scale in _SCALES]
    return min(losses)


def mean_loss(network: Network, split: Split, execution: Execution, decide: str | None) -> float:
    """Return the mean cross-entropy of a float network on a split."""
    run, rule, total = FloatRun(network, execution), network_rule(network, decide).name, 0.0
    for x, labels in split.batches(run.together(split.samples.steps)):
        scores, wanted = logits(rule, run.sent(x)[network.outputs[0]]), torch.from_numpy(labels).to(execution.device)
        total += float(functional.cross_entropy(scores, wanted, reduction="sum"))
    return total / len(split)


def _cross_entropy(logits: np.ndarray, labels: np.ndarray) -> float:
    return -float(log_softmax(logits, axis=1)[np.arange(len(labels)), labels].mean())
