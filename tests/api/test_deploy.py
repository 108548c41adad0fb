"""``spear_deploy.deploy`` and what it returns: report, page, bundle, error."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
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
from spear_deploy.targets import load_chip

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
    assert stored["search"]["method"] == "synapses"
    assert stored["synops"]["measured"]["mean"] == pytest.approx(deployment.work.on_test.activity.mean_synops)
    assert stored["hashes"][PROGRAM] == sha256(folder / PROGRAM)


def test_what_was_deployed_can_be_had(deployment: Deployment, folder: Path) -> None:
    """Network and program are those of the bundle, and nothing is wrong."""
    assert deployment.error is None
    assert (deployment.folder, deployment.program) == (folder, deployment.work.bundle.program)
    assert read_bundle(folder).manifest["network"] == deployment.network.content_hash
    assert deployment.imported.network is deployment.network
    assert "within budget" in deployment._repr_html_()


def test_save_copies_all(deployment: Deployment, folder: Path, tmp_path: Path) -> None:
    """A new folder gets bundle, report and page; one with files of somebody else's is left alone: E009."""
    saved = deployment.save(tmp_path / "kept")
    assert {REPORT, PAGE} < {item.name for item in saved.iterdir()}
    assert read_bundle(saved).manifest == read_bundle(folder).manifest
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="E009.*notes.txt"):
        deployment.save(tmp_path / "mine")
    assert [item.name for item in (tmp_path / "mine").iterdir()] == ["notes.txt"]


def test_save_replaces_an_earlier_deployment(
    deployment: Deployment, imported: Imported, tiny_data: Dataset, tmp_path: Path
) -> None:
    """Files of an earlier deployment give way to the new one's, all of them; its own folder may be named too."""
    earlier = spear_deploy.deploy(imported, tiny_data, synops="100%").save(tmp_path / "kept")
    (earlier / ".model.nir.1a2b.part").write_text("of a run that was killed")
    before = read_bundle(earlier).manifest
    with pytest.raises(InputError, match=r"E018.*holds the bundle of an earlier run"):
        deployment.save(earlier)
    assert read_bundle(earlier).manifest == before
    deployment.save(earlier, force=True)
    assert read_bundle(earlier).manifest == read_bundle(deployment.folder).manifest != before
    assert {item.name for item in earlier.iterdir()} == {item.name for item in deployment.folder.iterdir()}
    assert deployment.save(deployment.folder) == deployment.folder
    assert read_bundle(deployment.folder).manifest == read_bundle(earlier).manifest


def test_what_fell_short_gives_way(
    imported: Imported, tiny_data: Dataset, deployment: Deployment, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A bundle beyond its budget is replaced by the next run, which says so, and by a copy; one within is not."""
    folder = tmp_path / "build"
    assert spear_deploy.deploy(imported, tiny_data, cores=1, output=folder).error is not None
    copy = Path(shutil.copytree(folder, tmp_path / "copy"))
    done = spear_deploy.deploy(imported, tiny_data, synops="100%", output=folder, progress=True)
    assert done.error is None
    assert "which missed its budget of cores: it is replaced" in capsys.readouterr().err
    assert json.loads((folder / REPORT).read_text())["within"]
    with pytest.raises(InputError, match=r"E018.*holds the bundle of an earlier run"):
        spear_deploy.deploy(imported, tiny_data, synops="100%", output=folder)
    deployment.save(copy)
    assert read_bundle(copy).manifest == read_bundle(deployment.folder).manifest


def test_folders_that_nothing_can_be_saved_in(
    deployment: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A place below a file or in the bundle itself, a value that is not a path, a full disk: all E009."""
    (tmp_path / "file").write_text("mine")
    for place in (tmp_path / "file", tmp_path / "file" / "below", deployment.folder / "inside", 3, "a\0b"):
        with pytest.raises(InputError, match="E009"):
            deployment.save(place)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("shutil.copytree", full)
    with pytest.raises(InputError, match="E009.*No space left on device"):
        deployment.save(tmp_path / "new")


def test_outputs_that_are_no_folder(imported: Imported, tiny_data: Dataset, tmp_path: Path) -> None:
    """They are told before anything is computed."""
    (tmp_path / "file").write_text("mine")
    for output in (3, tmp_path / "file", "a\0b"):
        with pytest.raises(InputError, match="E009"):
            spear_deploy.deploy(imported, tiny_data, output=output, synops="100%")


def test_a_temporary_folder_that_cannot_be_made(
    imported: Imported, tiny_data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """E009 names the place."""

    def full(*_: object, **__: object) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.mkdtemp", full)
    with pytest.raises(InputError, match="E009.*No space left on device"):
        spear_deploy.deploy(imported, tiny_data, synops="100%")


def test_a_chips_profile_is_a_chip(imported: Imported, tiny_data: Dataset) -> None:
    """A profile gives what its name gives, in ``deploy`` and in ``lower``."""
    profile = load_chip("kapoho_point")
    found = spear_deploy.deploy(imported, tiny_data, profile, synops="100%")
    named = spear_deploy.deploy(imported, tiny_data, "kapoho_point", synops="100%")
    assert found.report["chip"] == "kapoho_point"
    assert found.report["hashes"] == named.report["hashes"]
    lowered = [spear_deploy.lower(imported, chip) for chip in (profile, "kapoho_point")]
    assert lowered[0].program.chip == lowered[1].program.chip == "kapoho_point"
    assert lowered[0].placement == lowered[1].placement
    for call in (
        lambda: spear_deploy.lower(imported, 3),
        lambda: spear_deploy.deploy(imported, tiny_data, 3, synops=5),
    ):
        with pytest.raises(InputError, match="E008 chip: int is not a chip"):
            call()


def test_the_command_repeats_the_call(deployment: Deployment) -> None:
    """The report tells the keywords that were given."""
    assert deployment.report["command"] == (
        "spear_deploy.deploy(model, data, 'loihi2', synops='60%', episodes=8, candidates=2, epochs=8.0, samples=8)"
    )
    told = repr(deployment)
    assert told.startswith(f"<Deployment in {str(deployment.folder)!r}: within budget")


def test_without_an_output_nothing_is_left(imported: Imported, tiny_data: Dataset, tmp_path: Path) -> None:
    """The bundle lies in a temporary folder that goes with the deployment, unless it is saved."""
    deployment = spear_deploy.deploy(imported, tiny_data, synops="100%")
    assert read_bundle(deployment.folder).program.populations
    assert str(deployment.folder) in repr(deployment)
    deployment.save(tmp_path / "kept")
    assert str(tmp_path / "kept") in repr(deployment)
    temporary = deployment.folder
    del deployment
    assert not temporary.exists()
    assert read_bundle(tmp_path / "kept").program.populations


def test_a_bundle_says_what_no_file_can_name(deployment: Deployment, folder: Path) -> None:
    """Of objects that were given from Python; what has a name is in its project file."""
    head, *_ = text = (folder / "spear.toml").read_text(encoding="utf-8").splitlines()
    assert head == "# This run was given what no file like this can name: model, data."
    assert not [line for line in text if line.startswith(("model", "data"))]
    assert {'chip = "loihi2"', 'synops = "60%"', 'backend = "emulator"', "epochs = 8.0"} < set(text)


def test_scalars_of_numpy(imported: Imported, tiny_data: Dataset) -> None:
    """They are numbers as any other: in the search, its journal, the report and the project file."""
    plain = {
        "seed": 3,
        "weight_bits": 7,
        "confidence": 0.75,
        "threads": 1,
        "max_drop": 50.0,
        "epochs": 0.5,
        "adapt": True,
    }
    scalars = {name: np.asarray(value)[()] for name, value in plain.items()}
    given = {"synops": "70%", "method": "uniform", "effort": "quick"}
    done, same = (spear_deploy.deploy(imported, tiny_data, **each, **given) for each in (scalars, plain))
    assert done.report["hashes"] == same.report["hashes"]
    assert done.report["command"] == same.report["command"]
    assert (done.folder / "search.jsonl").exists()
    assert (done.folder / "spear.toml").read_bytes() == (same.folder / "spear.toml").read_bytes()


def test_data_from_code(imported: Imported, tiny_npz: Path, tmp_path: Path) -> None:
    """The report says that code was run and what it gave; the figures are those of the arrays themselves."""
    code = f"import numpy as np\n\ndef load():\n    d = np.load({str(tiny_npz)!r})\n    return d['x'], d['y']\n"
    (tmp_path / "mydata.py").write_text(code)
    name = f"{tmp_path / 'mydata.py'}:load"
    found, same = (spear_deploy.deploy(imported, data, synops="100%") for data in (name, tiny_npz))
    assert "its Python code was run" in str(found.report["notes"])
    assert found.report["accuracy"] == same.report["accuracy"]
    assert found.report["synops"] == same.report["synops"]


def test_until(imported: Imported, tiny_data: Dataset, tmp_path: Path) -> None:
    """Stopped after a step it tells what that step found, and has no report."""
    deployment = spear_deploy.deploy(imported, tiny_data, output=tmp_path / "build", synops="50%", until="baseline")
    assert deployment.report is None
    assert deployment.work.done == ("check", "adapt", "baseline")
    assert deployment.work.baseline.chip_val.mean_synops > 0
    assert deployment.program is None
    assert deployment.error is None
    assert "baseline" in deployment._repr_html_()


def test_a_missed_budget_is_told(imported: Imported, tiny_data: Dataset) -> None:
    """A network beyond a budget is returned with its report; the error is one attribute away."""
    short = {"method": "uniform", "lowest_ratio": 0.5, "episodes": 4, "effort": "quick", "epochs": 0.01}
    deployment = spear_deploy.deploy(imported, tiny_data, synops="33%", **short)
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
