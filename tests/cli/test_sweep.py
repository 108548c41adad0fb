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
    _reported(spear, folder, again.out)


def _reported(spear: Run, folder: Path, printed: str) -> None:
    """What ``report`` shows of a sweep is what ``sweep`` printed; a file that somebody changed is refused."""
    page = (folder / "sweep.html").read_bytes()
    (folder / "sweep.html").unlink()
    done = spear("report", folder, "--figures", folder.parent / "figures", "--csv", folder.parent / "tables")
    assert done.code == 0
    assert "no budget of the sweep loses at most -90 points" in done.out
    assert f"page: {folder / 'sweep.html'}" in done.out
    assert (folder / "sweep.html").read_bytes() == page
    assert (folder.parent / "figures" / "sweep.svg").is_file()
    rows = (folder.parent / "tables" / "points.csv").read_text(encoding="utf-8").splitlines()
    assert len(rows) == 3
    assert "within_drop,val_synops" in rows[0]
    assert spear("report", folder / "sweep.json", "--json").out == printed
    held = json.loads((folder / "sweep.json").read_text(encoding="utf-8"))
    for changed, code in (
        ({"sweep": 1}, "E010"),
        ({"points": [{}]}, "E010"),
        ({"sentence": "all is well"}, "E053"),
        ({"points": [{**held["points"][0], "within_drop": True}]}, "E053"),
    ):
        (folder / "sweep.json").write_text(json.dumps({**held, **changed}), encoding="utf-8")
        refused = spear("report", folder)
        assert (refused.code, refused.err.split()[0]) == (2, code)


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


def test_a_list_that_may_be_one_number(spear: Run, tmp_path: Path) -> None:
    """E007 with both ways to say it, each of which is taken; what can be one thing alone is taken as it is."""
    given = ("sweep", tmp_path / "absent.nir", "--chip", "loihi2", "--data", "digits", "-o", tmp_path / "out")
    refused = spear(*given, "--synops", "50%,1,200")
    assert refused.code == 2
    assert "E007 --synops 50%,1,200: 1,200 is one budget of 1200, or the budgets 1, 200" in refused.err
    assert "give 1200 for the one, and '1, 200', with spaces" in " ".join(refused.err.split())
    for clear in ("1200", "1, 200", "60%,120%", "1,200%", "1200,600", "1,20,2000", "0,500"):
        assert spear(*given, "--synops", clear).err.startswith("E001"), clear
