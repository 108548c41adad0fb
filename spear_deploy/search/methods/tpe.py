"""TPE (Bergstra et al. 2011, NeurIPS 24): Optuna's tree-structured Parzen estimator.

Two densities are fitted to the positions of all networks so far, l to the better ones and g to the others; of several
draws from l, the one with the largest l / g is proposed.
"""

from __future__ import annotations

from optuna.samplers import TPESampler

from spear_deploy.search.protocol import Task
from spear_deploy.search.toolkit.optuna_study import OptunaMethod

_STARTUP = 10
"""Networks before the densities are first fitted, known ones included: Optuna's default."""


class TPE(OptunaMethod):
    """Tree-structured Parzen estimator: widths likely among the good networks and unlikely among others (Optuna)."""

    def __init__(self, task: Task) -> None:
        super().__init__(task, TPESampler(seed=task.execution.seed, n_startup_trials=_STARTUP))
