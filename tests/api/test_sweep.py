"""``spear_deploy.sweep`` on the tiny network: bundles, answer, resuming."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import spear_deploy
from spear_deploy import Sweep
from spear_deploy.api import sweep as module
from spear_deploy.api.sweep_folder import point_name
from spear_deploy.data import Dataset
from spear_deploy.deployment.bundle import read_bundle
from spear_deploy.errors import InputError
from spear_deploy.frontends import Imported

FAST = {"episodes": 8, "candidates": 1, "epochs": 4.0, "samples": 4, "effort": "quick"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sweep") / "points"


@pytest.fixture(scope="module")
def swept(imported: Imported, tiny_data: Dataset, folder: Path) -> Sweep:
    """Two budgets that can be met and one that cannot."""
    budgets = ("100%", "70%", "0.1%")
    return spear_deploy.sweep(imported, tiny_data, output=folder, budgets=budgets, max_drop=50, **FAST)


def test_every_point_is_a_bundle(swept: Sweep, folder: Path) -> None:
    """Each has its report and program; a budget out of reach is a row that says so."""
    assert [point.folder for point in swept.points] == ["100pct_seed_0", "70pct_seed_0", "0.1pct_seed_0"]
    for point in swept.points[:2]:
        report = json.loads((folder / point.folder / "report.json").read_text())
        assert report["on_validation"]["deployed"]["synops"] == point.val.synops
        assert read_bundle(folder / point.folder).program is not None
    assert swept.points[2].val is None
    assert swept.points[2].error.startswith("E041")
    assert swept.points[0].val.drop == pytest.approx(
        100 * (swept.result["reference"]["float_accuracy"] - swept.points[0].val.accuracy)
    )


def test_the_result_is_written(swept: Sweep, folder: Path) -> None:
    """sweep.json is what was returned, with the sweep's identity; the page tells the answer; so does a notebook."""
    stored = json.loads((folder / "sweep.json").read_text())
    assert stored.pop("identity")["settings"] == FAST
    assert stored == swept.result
    page = (folder / "sweep.html").read_text()
    assert swept.result["sentence"].replace("+", "&#43;") in page or swept.result["sentence"] in page
    assert 'role="img"' in page
    assert "<table>" in swept._repr_html_()


def test_scalars_of_numpy(imported: Imported, tiny_data: Dataset, tmp_path: Path) -> None:
    """Budgets, seeds and settings may be numpy's: the sweep is that of Python's numbers."""
    given = {"seeds": np.arange(1), "budgets": np.array([1e9]), "max_drop": np.float32(50), "confidence": np.half(0.5)}
    done = spear_deploy.sweep(imported, tiny_data, output=tmp_path / "points", **given, **FAST)
    assert [(point.budget, point.seed) for point in done.points] == [("1000000000.0", 0)]
    assert "budgets=['1000000000.0'], seeds=[0], max_drop=50.0, confidence=0.5" in done.result["command"]
    json.loads((tmp_path / "points" / "sweep.json").read_text())


def test_it_resumes(
    swept: Sweep, folder: Path, imported: Imported, tiny_data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Points that are done are not run again, budgets may be added; without resume, or with other options: E045."""
    ran = []
    run = module.Request.run
    monkeypatch.setattr(module.Request, "run", lambda self, out, *rest: ran.append(out.name) or run(self, out, *rest))
    given = {"output": folder, "budgets": ("100%", "70%", "90%"), "max_drop": 50, **FAST}
    again = spear_deploy.sweep(imported, tiny_data, resume=True, **given)
    assert ran == ["90pct_seed_0"]
    assert again.points[:2] == swept.points[:2]
    with pytest.raises(InputError, match="E045 .*holds a sweep"):
        spear_deploy.sweep(imported, tiny_data, **given)
    with pytest.raises(InputError, match=r"E045 .*differs in: --epochs \([0-9.]+, now 5.0\)\)"):
        spear_deploy.sweep(imported, tiny_data, resume=True, **{**given, "epochs": 5.0})
    (folder / "sweep.json").write_text("[1]")
    with pytest.raises(InputError, match="E045 .*damaged"):
        spear_deploy.sweep(imported, tiny_data, resume=True, **given)


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ({"budgets": ()}, ["budgets"]),
        ({"seeds": ()}, ["seeds"]),
        ({"budgets": None, "seeds": 1.5}, ["budgets", "seeds"]),
        ({"budgets": "50%"}, ["budgets"]),
        ({"seeds": np.array([0.5, 1.5])}, ["seeds"]),
        ({"seeds": (0.5,), "synops": "50%"}, ["synops", "seeds"]),
        ({"max_drop": "much"}, ["max_drop"]),
        ({"budgets": ("50%", "50pct")}, ["budgets"]),
        ({"until": "check", "seed": 3}, ["seed", "until"]),
        ({"jobs": 0}, ["jobs"]),
    ],
)
def test_what_cannot_be_meant(given, names, imported, tiny_data, tmp_path) -> None:
    """E007 with all of it at once, and nothing is written."""
    with pytest.raises(InputError) as raised:
        spear_deploy.sweep(imported, tiny_data, output=tmp_path / "x", **given)
    assert [(finding.code, finding.where) for finding in raised.value.findings] == [("E007", name) for name in names]
    assert not (tmp_path / "x").exists()


def test_one_that_is_interrupted_in_its_first_point(
    imported: Imported, tiny_data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It can be resumed, and its page and figures are then of all points."""

    def interrupt(*_: object) -> None:
        (tmp_path / "x" / "80pct_seed_0").mkdir()
        raise KeyboardInterrupt

    given = {"output": tmp_path / "x", "budgets": ("80%",), "max_drop": 50, **FAST}
    run = module.Request.run
    monkeypatch.setattr(module.Request, "run", interrupt)
    with pytest.raises(KeyboardInterrupt):
        spear_deploy.sweep(imported, tiny_data, **given)
    monkeypatch.setattr(module.Request, "run", run)
    assert json.loads((tmp_path / "x" / "sweep.json").read_text())["points"] == []
    again = spear_deploy.sweep(imported, tiny_data, resume=True, **given)
    assert [point.budget for point in again.points] == ["80%"]


def test_one_that_is_refused_leaves_nothing(imported: Imported, tiny_data: Dataset, tmp_path: Path) -> None:
    """So that the mended command needs no other folder."""
    with pytest.raises(InputError, match="E019"):
        spear_deploy.sweep(imported, tiny_data, output=tmp_path, budgets=("80%",), memory="100MiB", **FAST)
    assert list(tmp_path.iterdir()) == []


def test_what_a_point_took_is_its_own(swept: Sweep, folder: Path) -> None:
    """No report has the parts of the points before it: the first and the last need no search."""
    for name, searched in (("100pct_seed_0", False), ("70pct_seed_0", True), ("0.1pct_seed_0", False)):
        report = json.loads((folder / name / "report.json").read_text())
        parts = {part["name"] for step in report["steps"] for part in step["parts"]}
        assert ("compare" in parts) == searched, name


def test_a_folder_with_other_files_is_left_alone(imported, tiny_data, tmp_path) -> None:
    """E009."""
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(InputError, match="E009"):
        spear_deploy.sweep(imported, tiny_data, output=tmp_path, budgets=("50%",))


def test_names_of_points_are_names_of_folders() -> None:
    """Whatever is asked for."""
    assert point_name("50%", 3) == "50pct_seed_3"
    assert point_name("../2e5", 0) == ".._2e5_seed_0"
