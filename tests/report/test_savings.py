"""What a unit less saves: groups in order of it, and what is said of them."""

from __future__ import annotations

import pytest

from spear_deploy.data import Dataset
from spear_deploy.measure.runs import measure_float
from spear_deploy.network import Network
from spear_deploy.report.savings import saving_rows, savings_words


def test_a_unit_takes_its_part_of_what_leads_in_and_out(tiny_network: Network, tiny_data: Dataset) -> None:
    """The mean over a group's units of the SynOps into it and out of it; inputs and outputs have no row."""
    activity = measure_float(tiny_network, tiny_data.test)
    rows = saving_rows(tiny_network, activity)
    assert {row["populations"][0] for row in rows} == {"hidden1", "hidden2"}
    assert [row["synops"] for row in rows] == sorted((row["synops"] for row in rows), reverse=True)
    into, out_of = (float(activity.synops[f"to_{name}"].mean()) for name in ("hidden2", "output"))
    found = next(row for row in rows if row["populations"] == ["hidden2"])
    assert found == {"populations": ["hidden2"], "units": 8, "synops": pytest.approx((into + out_of) / 8)}


def test_what_is_said() -> None:
    """Three groups at most, each with its share; nothing where nothing can be pruned."""
    rows = [
        {"populations": [name], "units": 2, "synops": synops}
        for name, synops in zip("abcd", (40, 30, 20, 10), strict=True)
    ]
    rows[0]["populations"] = ["a", "x"]
    report = {"synops": {"measured": {"mean": 1000.0}}, "savings": rows}
    words = savings_words(report)
    assert words == "one unit less saves SynOps, on average 40 (4.0%) in 'a'+'x', 30 (3.0%) in 'b', 20 (2.0%) in 'c'"
    assert savings_words({**report, "savings": []}) == ""
