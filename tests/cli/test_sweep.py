"""``spear-deploy sweep``."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Run

FAST = ("--episodes", 8, "--candidates", 1, "--epochs", 4, "--samples", 4, "--effort", "quick")


def test_sweep(spear: Run, tiny_nir: Path, tiny_npz: Path, tmp_path: Path) -> None:
    """Table, answer and files; with --resume and --json the same as data; 4 where nothing loses so little."""
    folder = tmp_path / "sweep"
    given = ("sweep", tiny_nir, "--chip", "loihi2", "--data", tiny_npz, "--synops", "100%,75%", "-o", folder, *FAST)
    done = spear(*given, "--max-drop", 60)
    assert done.code == 0
    assert "the smallest budget that loses at most 60 points of accuracy" in done.out
    assert f"page: {folder / 'sweep.html'}" in done.out
    page = (folder / "sweep.html").read_text(encoding="utf-8")
    assert "<title>tiny on loihi2: sweep</title>" in page
    assert "<h1>tiny</h1>" in page
    again = spear(*given, "--max-drop", -90, "--resume", "--json")
    assert again.code == 4
    result = json.loads(again.out)
    assert [point["budget"] for point in result["points"]] == ["100%", "75%"]
    assert result["answer"] is None
    assert "E046" in again.err
    assert spear(*given).code == 2


def test_mistakes_are_told_at_once(spear: Run, tmp_path: Path) -> None:
    """Before the model is looked for."""
    given = ("sweep", "no.nir", "--chip", "loihi2", "--data", "digits", "-o", tmp_path / "x")
    assert "E007 --seeds" in spear(*given, "--seeds", "a,b").err
    assert "E007 budgets" in spear(*given, "--synops", ",").err
    assert "E001" in spear(*given).err
    log = tmp_path / "sweep.log"
    wrong = spear(*given, "--synops", ",", "--log", log)
    assert wrong.code == 2
    assert wrong.err.count("E007 budgets") == log.read_text(encoding="utf-8").count("E007 budgets") == 1
    no_data = ("sweep", "no.nir", "--chip", "loihi2", "-o", tmp_path / "x")
    assert "FILE.py:NAME" in spear(*no_data).err
