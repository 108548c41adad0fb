"""CMA-ES (Hansen and Ostermeier 2001, Evolutionary Computation 9, 159): Optuna's, of the package cmaes.

Widths are drawn from a normal distribution over the positions; its mean moves to the better ones of each generation,
its covariance learns along which directions they lie.  It starts at the first widths known to meet the target,
with a width of a sixth of the range (Optuna's default).
"""

from __future__ import annotations

from optuna.samplers import CmaEsSampler, RandomSampler

from spear_deploy.search.protocol import Task
from spear_deploy.search.toolkit.optuna_study import OptunaMethod
from spear_deploy.search.toolkit.widths import Widths, starting_widths


class CMAES(OptunaMethod):
    """Covariance matrix adaptation: widths from a normal distribution that follows the better ones (Optuna)."""

    def __init__(self, task: Task) -> None:
        widths, seed = Widths(task), task.execution.seed
        # A single group, and the first network, are drawn independently: that is no cause for a warning.
        sampler = CmaEsSampler(
            seed=seed, independent_sampler=RandomSampler(seed), warn_independent_sampling=False, n_startup_trials=0
        )
        super().__init__(task, sampler, middle=widths.positions(next(starting_widths(widths), task.space.smallest)))
