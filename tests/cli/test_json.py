"""``--json``: one document on standard output, with what was found and every finding, whatever the exit code."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spear_deploy.backends import BACKENDS
from spear_deploy.backends.emulator import EMULATOR
from spear_deploy.catalogue import CATALOGUE
from spear_deploy.chips import chip_names
from spear_deploy.resources import resource
from tests.cli.conftest import Done, Run


def document(done: Done) -> dict[str, Any]:
    """Return what a command printed: all of it is one document, whose findings are whole."""
    found: dict[str, Any] = json.loads(done.out)
    assert found["schema"] == 1
    assert found["command"].startswith("spear-deploy ")
    for finding in found["findings"]:
        assert set(finding) == {"code", "where", "message", "fix", "severity", "value", "limit", "slack"}
        assert finding["code"] in CATALOGUE
    if done.code:
        assert [each["code"] for each in found["findings"]] == re.findall(r"^([EN]\d{3}) ", done.err, re.MULTILINE)
    return found


def test_inspect(spear: Run, tiny_nir: Path, tiny_npz: Path) -> None:
    """Populations, activity on data, placement and fidelity; words go to standard error."""
    done = spear("inspect", tiny_nir, "--data", tiny_npz, "--chip", "loihi2", "--json")
    assert done.code == 0
    found = document(done)
    hidden = next(each for each in found["populations"] if each["name"] == "hidden1")
    assert (hidden["neurons"], hidden["kept_whole"], hidden["fed_by"][0]["ops"]) == (10, None, ["Linear"])
    assert found["populations"][-1]["kept_whole"] == "it is an output"
    activity = found["activity"]
    assert activity["samples"] == found["data"]["test"] == 24
    assert sum(each["synops"] for each in activity["populations"]) == pytest.approx(activity["synops"])
    assert found["placement"]["cores"] == sum(each["cores"] for each in found["placement"]["populations"])
    assert found["fidelity"]["accuracy_float"] == activity["accuracy"]
    assert found["semantics"]["compare"] in ("gt", "ge")
    assert "hidden1" in done.err


def test_inspect_of_what_does_not_fit(spear: Run) -> None:
    """All findings are in the document, beside the network: 3."""
    folder = resource("examples/digits")
    given = (folder / "digits.nir", "--semantics", folder / "semantics.toml", "--chip", "xylo_audio2")
    done = spear("inspect", *given, "--json")
    assert done.code == 3
    found = document(done)
    told = [f"{each['code']} {each['where']}: {each['message']}" for each in found["findings"]]
    assert len(told) > 1
    assert all(each in done.err for each in told)
    assert found["findings"][0]["fix"]
    assert len(found["populations"]) == 5


def test_inspect_of_nothing(spear: Run, tmp_path: Path) -> None:
    """A file that is not there is a finding too: 2."""
    done = spear("inspect", tmp_path / "absent.nir", "--json")
    assert (done.code, [each["code"] for each in document(done)["findings"]]) == (2, ["E001"])


@pytest.fixture
def bundle(spear: Run, tiny_nir: Path, tiny_npz: Path, tmp_path: Path) -> Path:
    """A bundle of the tiny network, unpruned."""
    given = (tiny_nir, "--chip", "loihi2", "--data", tiny_npz, "--synops", "100%", "-o", tmp_path / "build")
    assert spear("compile", *given).code == 0
    return tmp_path / "build"


def test_run_and_validate(spear: Run, bundle: Path, tiny_npz: Path, tmp_path: Path) -> None:
    """Figures as the report has them; without the backend a finding, and 6."""
    report = json.loads((bundle / "report.json").read_text())
    done = spear("run", bundle, "--data", tiny_npz, "-o", tmp_path / "spikes.h5", "--json")
    found = document(done)
    assert done.code == 0
    assert found["activity"]["accuracy"] == report["accuracy"]["quantised"]
    assert found["activity"]["synops"] == pytest.approx(report["synops"]["measured"]["mean"])
    assert Path(found["spikes"]) == tmp_path / "spikes.h5"
    done = spear("validate", bundle, "--json")
    assert done.code == 6
    assert [each["code"] for each in document(done)["findings"]] == ["E060"]
    done = spear("validate", bundle, "--backend", "reference", "--json")
    assert done.code == 2, "it is not independent"


class Numbers:
    """A backend that computes as the emulator, and tells its check with numpy's values."""

    targets = None
    is_independent = True

    def __getattr__(self, name: str) -> Any:
        return getattr(EMULATOR, name)

    def check(self) -> Mapping[str, Any]:
        """Tell numbers of every kind."""
        return {
            "ok": np.bool_(True),
            "worst": np.float32(0.5),
            "counts": np.arange(3),
            "versions": {"numpy": "2"},
            "message": "",
        }


def test_validate_and_check_of_a_backend(
    spear: Run, bundle: Path, tiny_npz: Path, request: pytest.FixtureRequest
) -> None:
    """The verdict as data, and what numpy holds as numbers."""
    BACKENDS.add("numbers", Numbers())
    request.addfinalizer(lambda: BACKENDS.remove("numbers"))
    found = document(spear("validate", bundle, "--backend", "numbers", "--json"))
    assert found["validation"]["mismatches"] == 0
    assert found["validation"]["bins"] > 0
    assert found["validation"]["first_divergence"] is None
    given = ("--data", tiny_npz, "--samples", 5)
    found = document(spear("validate", bundle, "--backend", "numbers", *given, "--json"))
    assert (found["validation"]["samples"], found["activity"]["samples"]) == (5, 5)
    found = document(spear("backend", "check", "numbers", "--json"))
    assert found["check"] == {
        "ok": True,
        "worst": 0.5,
        "counts": [0, 1, 2],
        "versions": {"numpy": "2"},
        "message": "",
    }
    told = spear("backend", "check", "numbers").out
    assert "versions: numpy 2" in told
    assert "message" not in told


def test_lists(spear: Run) -> None:
    """Chips, backends and codes: what is printed for people, as data."""
    assert [each["name"] for each in document(spear("chips", "--json"))["chips"]] == list(chip_names())
    (chip,) = document(spear("chips", "loihi2", "--json"))["chips"]
    assert all({"path", "value", "source", "note"} == set(figure) for figure in chip["figures"])
    assert {rule["code"] for rule in chip["rules"]} <= set(CATALOGUE)
    backends = {each["name"]: each for each in document(spear("backend", "list", "--json"))["backends"]}
    assert (backends["emulator"]["ready"], backends["lava"]["ready"]) == (True, False)
    assert backends["lava"]["fix"] == "run: spear-deploy backend install lava"
    assert document(spear("backend", "check", "emulator", "--json"))["check"]["ok"] is True
    assert [each["code"] for each in document(spear("explain", "--json"))["codes"]] == list(CATALOGUE)
    (code,) = document(spear("explain", "e034", "--json"))["codes"]
    assert (code["code"], code["title"], code["rules"] != []) == ("E034", CATALOGUE["E034"][0], True)
    done = spear("explain", "E999", "--json")
    assert (done.code, document(done)["findings"][0]["code"]) == (2, "E008")


@pytest.mark.parametrize(
    "arguments",
    [
        ("compile", "absent.nir", "--chip", "loihi2", "--data", "digits", "--synops", "50%", "-o", "out", "--json"),
        ("sweep", "absent.nir", "--chip", "loihi2", "--data", "digits", "-o", "out", "--json"),
        ("report", "absent", "--json"),
        ("diff", "absent", "absent", "--json"),
        ("import", "absent.py:net", "--input", "4", "-o", "net.nir", "--json"),
    ],
)
def test_errors_of_other_documents(arguments: tuple[str, ...], spear: Run, monkeypatch: Any, tmp_path: Path) -> None:
    """Commands whose JSON is another one tell an error that keeps them from it in the same form."""
    monkeypatch.chdir(tmp_path)
    done = spear(*arguments)
    assert done.code == 2
    assert [each["code"] for each in document(done)["findings"]] == [done.err.split()[0]]


@pytest.mark.parametrize(
    ("arguments", "where", "message"),
    [
        (("inspect", "--nope", "net.nir", "--json"), "spear-deploy inspect", "No such option '--nope'."),
        (("inspect", "--json"), "spear-deploy inspect", "Missing argument 'MODEL'."),
        (("deploy", "net.nir", "--json"), "spear-deploy deploy", "Missing option '--chip'."),
        (("run", "dir", "--samples", "many", "--json"), "spear-deploy run", "'many' is not a valid integer range."),
        (("backend", "lst", "--json"), "spear-deploy backend", "No such command 'lst'."),
        (("inspct", "--json"), "spear-deploy", "There is no command 'inspct'. Did you mean 'inspect'?"),
    ],
)
def test_command_lines_that_cannot_be_read(arguments: tuple[str, ...], where: str, message: str, spear: Run) -> None:
    """A document with one error, and on standard error what is said without --json: 2."""
    done = spear(*arguments)
    assert done.code == 2
    found = json.loads(done.out)
    assert (found["schema"], found["command"]) == (1, f"spear-deploy {' '.join(arguments)}")
    (finding,) = found["findings"]
    assert (finding["code"], finding["severity"], finding["where"]) == ("E029", "error", where)
    assert message in finding["message"]
    assert finding["fix"] == f"{where} --help says what it takes"
    without = spear(*(word for word in arguments if word != "--json"))
    assert (without.code, without.out, without.err) == (2, "", done.err)


def test_inspect_on_all_chips(spear: Run) -> None:
    """Every chip with its answer, as from Python; the table goes to standard error."""
    folder = resource("examples/digits")
    given = (folder / "digits.nir", "--semantics", folder / "semantics.toml")
    done = spear("inspect", *given, "--chip", "all", "--json")
    chips = {each["chip"]: each for each in document(done)["chips"]}
    assert set(chips) == set(chip_names())
    assert (chips["loihi1"]["answer"], chips["brainscales2"]["answer"]) == ("yes", "no")
    assert "fullest core" in done.err
    done = spear("inspect", *given, "--chip", "truenorth", "--json")
    found = document(done)
    assert (done.code, found["emulated"], found["placement"]["of_cores"]) == (3, False, 4096)
