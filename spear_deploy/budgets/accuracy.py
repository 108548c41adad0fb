"""Lower limits on accuracy: absolute, and relative to the float network as imported."""

from __future__ import annotations

from spear_deploy.budgets.resource import AMOUNT, PERCENTAGE, Resource
from spear_deploy.measure.measured import Performance


def _drop(performance: Performance) -> float:
    """Return the percentage points of accuracy lost against the given float network."""
    lost = int(performance.in_float.correct.sum()) - int(performance.activity.correct.sum())
    return 100 * lost / len(performance.activity.labels)  # of whole numbers: a share's rounding must not miss a limit


FLOOR = Resource(
    name="min_accuracy",
    title="accuracy",
    help="Least accuracy of the deployed network: a share, or a percentage.",
    sense="at least",
    takes=(AMOUNT, PERCENTAGE),
    digits=4,
    largest=1,
    measured=lambda performance: performance.activity.accuracy,
    judges_accuracy=True,
)

DROP = Resource(
    name="max_drop",
    title="points of accuracy lost",
    help="Most points of accuracy that the deployed network may lose against the float one.",
    digits=2,
    largest=100,
    zero=True,
    measured=_drop,
    judges_accuracy=True,
)
