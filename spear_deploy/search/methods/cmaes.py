"""CMA-ES (Hansen and Ostermeier 2001, Evolutionary Computation 9, 159): Optuna's, of the package cmaes.

Positions are drawn from a normal distribution whose mean moves towards the better ones of each generation, and whose
covariance adapts to the directions in which they lie.  It starts at the first widths known to meet the target, with a
standard deviation of a sixth of the range (Optuna's default).
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
        # A single group, and the first network, are sampled independently: no reason for a warning.
        sampler = CmaEsSampler(
            seed=seed, independent_sampler=RandomSampler(seed), warn_independent_sampling=False, n_startup_trials=0
        )
        super().__init__(task, sampler, middle=widths.positions(next(starting_widths(widths), task.space.smallest)))
