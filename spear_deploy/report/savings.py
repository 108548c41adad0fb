"""What removing a unit would save: where the next SynOps can come from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spear_deploy.measure.activity import Activity
from spear_deploy.network import Network
from spear_deploy.network.units import unit_groups
from spear_deploy.printable import plain
from spear_deploy.report.formats import number, percent, ratio

_SHOWN = 3


def saving_rows(network: Network, activity: Activity) -> list[dict[str, Any]]:
    """Return for each group of populations that are pruned together what a unit takes, the dearest first.

    That is the mean, over its units, of the SynOps a sample at the synapses that lead into the group and out of it:
    what a unit less saves where no rate changes.  ``activity`` is what the deployed ``network`` did.
    """
    rows = []
    for group in unit_groups(network).groups:
        members = set(group.populations)
        touching = [p.name for p in network.projections if {p.source, p.target} & members]
        synops = sum(float(activity.synops[name].mean()) for name in touching) / group.units
        rows.append({"populations": list(group.populations), "units": group.units, "synops": synops})
    return sorted(rows, key=lambda row: -row["synops"])


def savings_words(report: Mapping[str, Any]) -> str:
    """Return the groups whose pruning pays most, and what a unit less of each saves."""
    total = report["synops"]["measured"]["mean"]
    spoken = []
    for row in report["savings"][:_SHOWN]:
        share, names = percent(ratio(row["synops"], total)), "+".join(f"'{plain(name)}'" for name in row["populations"])
        spoken.append(f"{number(row['synops'])} ({share}) in {names}")
    return f"one unit less saves SynOps, on average {', '.join(spoken)}" if spoken else ""
