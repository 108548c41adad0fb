"""Tables as CSV: what the JSON has, readable by any reader, the same every time."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from spear_deploy.errors import InputError
from spear_deploy.report.csv_tables import report_tables, write_csv


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_figures_are_those_of_the_report(report: dict[str, Any], tmp_path: Path) -> None:
    """Layers with change and share, budgets, savings, fidelity, cores by resource, what was compared."""
    written = {path.stem: rows(path) for path in write_csv(tmp_path / "tables", report_tables(report))}
    assert list(written) == ["budgets", "layers", "savings", "fidelity", "cores", "loads", "candidates"]
    for found, layer in zip(written["layers"], report["layers"], strict=True):
        assert (found["name"], float(found["synops_measured"])) == (layer["name"], layer["synops_measured"])
        change = layer["synops_measured"] / layer["synops_before"] - 1
        assert float(found["synops_change"]) == pytest.approx(change)
    assert sum(float(found["synops_share"]) for found in written["layers"]) == pytest.approx(1)
    assert [found["resource"] for found in written["budgets"]] == [each["resource"] for each in report["budgets"]]
    uses = sum(len(each["use"]) for each in report["pictures"]["cores"]["populations"])
    assert len(written["cores"]) == uses
    assert [found["of"] for found in written["candidates"]] == [each["of"] for each in report["search"]["candidates"]]
    before = {path.name: path.read_bytes() for path in (tmp_path / "tables").iterdir()}
    write_csv(tmp_path / "tables", report_tables(report))
    assert before == {path.name: path.read_bytes() for path in (tmp_path / "tables").iterdir()}


def test_names_of_files_are_text(report: dict[str, Any], tmp_path: Path) -> None:
    """Commas, quotes and line ends in a name do not break a row."""
    report["layers"][0]["name"] = 'a,"b"\nc'
    write_csv(tmp_path, report_tables(report))
    assert rows(tmp_path / "layers.csv")[0]["name"] == 'a,"b"\nc'


def test_without_a_search(report: dict[str, Any], tmp_path: Path) -> None:
    """A table without rows has no file; a folder that is a file is E009."""
    written = write_csv(tmp_path / "tables", report_tables({**report, "search": None}))
    assert "candidates" not in {path.stem for path in written}
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="E009"):
        write_csv(tmp_path / "file", report_tables(report))
