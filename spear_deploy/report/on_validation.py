"""The report's ``on_validation``: results of a run's networks on the validation samples, which decide everything."""

from __future__ import annotations

from typing import Any

from spear_deploy.measure.activity import Activity
from spear_deploy.measure.fidelity import Loss
from spear_deploy.measure.measured import Baseline, Measured


def validation_data(baseline: Baseline, measured: Measured) -> dict[str, Any]:
    """Return accuracy and SynOps of the float, the unpruned and the deployed network, and the points lost."""
    lost = Loss.between(baseline.float_val, measured.val)
    return {
        "samples": len(measured.val.labels),
        "float": _behaviour(baseline.float_val),
        "unpruned": _behaviour(baseline.chip_val),
        "deployed": _behaviour(measured.val),
        "drop": lost.points,
        "drop_error": lost.error,
    }


def _behaviour(activity: Activity) -> dict[str, float]:
    return {"accuracy": activity.accuracy, "synops": activity.mean_synops}
