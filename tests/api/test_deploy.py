"""``spear_deploy.deploy`` and what it returns: report, page, bundle, error."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

import spear_deploy
from spear_deploy import Deployment
from spear_deploy.data import Dataset
from spear_deploy.deployment.bundle import PROGRAM, read_bundle
from spear_deploy.deployment.folder import PAGE, REPORT
from spear_deploy.errors import BudgetNotMetError, InputError
from spear_deploy.frontends import Imported
from spear_deploy.report.schema import schema
from spear_deploy.storage import sha256

FAST = {"episodes": 8, "candidates": 2, "epochs": 8.0, "samples": 8}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("api") / "build"


@pytest.fixture(scope="module")
def deployment(imported: Imported, tiny_data: Dataset, folder: Path) -> Deployment:
    """The tiny network at 60 % of its SynOps."""
    return spear_deploy.deploy(imported, tiny_data, "loihi2", output=folder, synops="60%", **FAST)


def test_the_report_follows_its_schema(deployment: Deployment, folder: Path) -> None:
    """report.json is written into the bundle, valid, and says what the deployment found."""
    stored = json.loads((folder / "report.json").read_text())
    assert stored == deployment.report
    Draft202012Validator(schema()).validate(stored)
    assert stored["within"] is True
    assert stored["search"]["method"] == "spear"
    assert stored["synops"]["measured"]["mean"] == pytest.approx(deployment.work.measured.synops)
    assert stored["hashes"][PROGRAM] == sha256(folder / PROGRAM)


def test_what_was_deployed_can_be_had(deployment: Deployment, folder: Path) -> None:
    """Network and program are those of the bundle, and nothing is wrong."""
    assert deployment.error is None
    assert (deployment.folder, deployment.program) == (folder, deployment.work.bundle.program)
    assert read_bundle(folder).manifest["network"] == deployment.network.content_hash
    assert deployment.imported.network is deployment.network
    assert "within budget" in deployment._repr_html_()


def test_save_copies_all(deployment: Deployment, folder: Path, tmp_path: Path) -> None:
    """A new folder gets bundle, report and page; one with files in it is left alone: E009."""
    saved = deployment.save(tmp_path / "kept")
    assert {REPORT, PAGE} < {item.name for item in saved.iterdir()}
    assert read_bundle(saved).manifest == read_bundle(folder).manifest
    with pytest.raises(InputError, match="E009"):
        deployment.save(saved)


def test_without_an_output_nothing_is_left(imported: Imported, tiny_data: Dataset, tmp_path: Path) -> None:
    """The bundle lies in a temporary folder that goes with the deployment, unless it is saved."""
    deployment = spear_deploy.deploy(imported, tiny_data, synops="100%")
    assert read_bundle(deployment.folder).program.populations
    deployment.save(tmp_path / "kept")
    temporary = deployment.folder
    del deployment
    assert not temporary.exists()
    assert read_bundle(tmp_path / "kept").program.populations


def test_until(imported: Imported, tiny_data: Dataset, tmp_path: Path) -> None:
    """Stopped after a step it tells what that step found, and has no report."""
    deployment = spear_deploy.deploy(imported, tiny_data, output=tmp_path / "build", synops="50%", until="baseline")
    assert deployment.report is None
    assert deployment.work.done == ("check", "adapt", "baseline")
    assert deployment.work.baseline.synops > 0
    assert deployment.program is None
    assert deployment.error is None
    assert "baseline" in deployment._repr_html_()


def test_a_missed_budget_is_told(imported: Imported, tiny_data: Dataset) -> None:
    """A network beyond a budget is returned with its report; the error is one attribute away."""
    short = {"lowest_ratio": 0.5, "episodes": 4, "candidates": 1, "epochs": 0.01}
    deployment = spear_deploy.deploy(imported, tiny_data, synops="22%", **short)
    assert deployment.report["within"] is False
    assert isinstance(deployment.error, BudgetNotMetError)
    assert [(finding.code, finding.where) for finding in deployment.error.findings] == [("E040", "synops")]


def test_misspelt_and_missing_settings(imported: Imported, tiny_data: Dataset) -> None:
    """Keywords and names that there are not are told at once, each with the nearest; so is a missing budget."""
    with pytest.raises(InputError) as caught:
        spear_deploy.deploy(imported, tiny_data, synop="50%", method="speer", until="never")
    found = [(finding.code, finding.where) for finding in caught.value.findings]
    assert found == [("E008", "synop"), ("E008", "method speer"), ("E008", "until never")]
    assert "did you mean synops?" in caught.value.findings[0].fix
    with pytest.raises(InputError, match="E007 budget: none was given"):
        spear_deploy.deploy(imported, tiny_data)
