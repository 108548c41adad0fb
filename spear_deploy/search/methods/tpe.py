"""TPE (Bergstra et al. 2011, NeurIPS 24): Optuna's tree-structured Parzen estimator.

Two densities are fitted to the positions of all networks so far, one to the better ones (l) and one to the others (g);
of some draws from l, the one with the largest l / g is proposed.
"""

from __future__ import annotations

from optuna.samplers import TPESampler

from spear_deploy.search.protocol import Task
from spear_deploy.search.toolkit.optuna_study import OptunaMethod

_STARTUP = 10
"""Networks before the densities are fitted, known ones included: Optuna's default."""


class TPE(OptunaMethod):
    """Tree-structured Parzen estimators of good and other widths (Optuna)."""

    def __init__(self, task: Task) -> None:
        super().__init__(task, TPESampler(seed=task.execution.seed, n_startup_trials=_STARTUP))
