"""What a step of a deployment is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from spear_deploy.deployment.work import Work
from spear_deploy.measure.activity import Activity
from spear_deploy.progress import Progress


@dataclass(frozen=True)
class Step:
    """One step of a deployment.

    ``needs`` and ``yields`` are fields of :class:`Work`; ``parts`` are the names under which it shows progress and is
    timed.  ``explain`` yields the lines that ``-v`` prints of what it decided.
    """

    name: str
    does: str
    needs: tuple[str, ...]
    yields: tuple[str, ...]
    run: Callable[[Work, Progress], Work]
    explain: Callable[[Work], Iterator[str]]
    parts: tuple[str, ...] = ()


def accuracy_and_synops(activity: Activity) -> str:
    """Return the two figures of a run that every step reports."""
    return f"accuracy {activity.accuracy:.2%}, {activity.mean_synops:,.0f} SynOps a sample"
