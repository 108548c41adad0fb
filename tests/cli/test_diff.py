"""``spear-deploy diff``."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.cli.conftest import Run

REAL = Path(__file__).parents[1] / "report" / "digits.json"


@pytest.fixture
def bundles(tmp_path: Path) -> tuple[Path, Path]:
    """Two bundles' reports; the second takes 10 % more SynOps."""
    folders = tmp_path / "a[1]", tmp_path / "b"
    for folder in folders:
        folder.mkdir()
    shutil.copy(REAL, folders[0] / "report.json")
    report = json.loads(REAL.read_text())
    report["synops"]["measured"]["mean"] *= 1.1
    report["budgets"][0]["measured"] *= 1.1
    for layer in report["layers"]:
        layer["synops_measured"] *= 1.1
    for core in (report["bottleneck"], *report["pictures"]["cores"]["loads"]):
        core["synops"] *= 1.1
    (folders[1] / "report.json").write_text(json.dumps(report))
    return folders


def test_diff(spear: Run, bundles: tuple[Path, Path]) -> None:
    """Text, JSON and Markdown say the same; a folder and its report are the same."""
    done = spear("diff", *bundles)
    assert done.code == 0
    assert "a[1]" in done.out
    assert "(+10.0%)" in done.out
    found = json.loads(spear("diff", bundles[0] / "report.json", bundles[1], "--json").out)
    assert [row["name"] for row in found["figures"] if row["worse"]] == ["synops"]
    assert "| SynOps a sample | 75,916 | 83,508 | +7,592 (+10.0%) |" in spear("diff", *bundles, "--markdown").out


def test_gate(spear: Run, bundles: tuple[Path, Path]) -> None:
    """4 beyond a tolerance, 0 within it, whatever the form."""
    assert spear("diff", *bundles, "--tolerance", "synops=11%", "--tolerance", "accuracy=0").code == 0
    done = spear("diff", *bundles, "--tolerance", "synops=9%", "--json")
    assert done.code == 4
    assert "E047" in done.err
    assert json.loads(done.out)["beyond"] == ["synops"]


def test_mistakes(spear: Run, bundles: tuple[Path, Path], tmp_path: Path) -> None:
    """No report: E001; damaged: E010; a tolerance that cannot be meant: E007."""
    assert "E007" in spear("diff", *bundles, "--tolerance", "speed=1").err
    assert "E001" in spear("diff", bundles[0], tmp_path).err
    (bundles[1] / "report.json").write_text('{"schema": 5}')
    assert "E010" in spear("diff", *bundles).err
