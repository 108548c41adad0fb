"""The report's tables as CSV, for a spreadsheet or a plot: figures as the JSON has them, one file a table."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from spear_deploy.report.formats import ratio
from spear_deploy.report.wording import totals
from spear_deploy.storage import atomic

Row = Mapping[str, Any]


def write_csv(folder: Path, tables: Mapping[str, Sequence[Row]]) -> list[Path]:
    """Write a file for each table that has rows; return the paths.

    The same tables give the same bytes.  Raises :class:`InputError` (E009) for a folder that cannot be written.
    """
    written = []
    for name, rows in tables.items():
        if not rows:
            continue
        path = folder / f"{name}.csv"
        with atomic(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows({key: _cell(value) for key, value in row.items()} for row in rows)
        written.append(path)
    return written


def report_tables(report: Mapping[str, Any]) -> dict[str, Sequence[Row]]:
    """Return a report's tables by name."""
    search = report["search"]
    return {
        "budgets": report["budgets"],
        "layers": _layers(report["layers"]),
        "savings": report["savings"],
        "fidelity": report["fidelity"]["deployed"]["populations"],
        "cores": _cores(report["pictures"]["cores"]["populations"]),
        "loads": report["pictures"]["cores"]["loads"],
        "candidates": [] if search is None else [_flat(each) for each in search["candidates"]],
    }


def _layers(layers: Sequence[Row]) -> list[Row]:
    """Return the layers with their share of the measured SynOps, and by how much of what they were these changed."""
    whole = totals(layers)["synops_measured"]
    return [
        {
            **layer,
            "synops_change": ratio(layer["synops_measured"] - layer["synops_before"], layer["synops_before"]),
            "synops_share": ratio(layer["synops_measured"], whole),
        }
        for layer in layers
    ]


def _cores(populations: Sequence[Row]) -> list[Row]:
    return [
        {"population": each["name"], "first_core": each["first"], "cores": each["cores"], **use}
        for each in populations
        for use in each["use"]
    ]


def _flat(candidate: Row) -> Row:
    units = {f"units_{name}": count for name, count in candidate["units"].items()}
    return {**{key: value for key, value in candidate.items() if key != "units"}, **units}


def _cell(value: Any) -> Any:
    return " ".join(map(str, value)) if isinstance(value, list) else value
