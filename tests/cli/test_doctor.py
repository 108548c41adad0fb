"""``spear-deploy doctor``, in this environment and in invented ones."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import metadata

import pytest

from spear_deploy.api import doctor
from tests.cli.conftest import Run

REQUIRES = [
    "click>=8.1",
    "nowhere>=1.0",
    "tomli>=2; python_version < '3.0'",
    "nir (>=1.0) ; extra == 'nir'",
    'numba>=0.60; extra == "search"',
    "torch>=2.6; extra == 'search'",
]


@pytest.fixture
def invented(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Versions by name, to be changed; the requirements are those above."""
    versions = {"click": "8.1.0", "nir": "1.0", "numba": "0.60", "torch": "2.13.0+cpu", "snntorch": "0.9"}

    def version(name: str) -> str:
        if name not in versions:
            raise metadata.PackageNotFoundError(name)
        return versions[name]

    monkeypatch.setattr(doctor.metadata, "version", version)
    monkeypatch.setattr(doctor.metadata, "requires", lambda _: REQUIRES)
    return versions


def test_what_is_missing_and_what_mends_it(spear: Run) -> None:
    """Without a backend's environment the command that installs it is named; no error unless it is needed."""
    done = spear("doctor")
    assert done.code == 0
    assert done.out.splitlines()[-1].startswith("ready to deploy on emulated chips, proofs by ")
    assert done.out.splitlines()[-1].endswith("; what is missing is optional")
    assert "$ spear-deploy backend install lava  # lava" in done.out.splitlines()
    needed = spear("doctor", "--need", "lava", "--json")
    assert needed.code == 6
    assert "E060 lava" in needed.err
    found = {check["name"]: check for check in json.loads(needed.out)["checks"]}
    assert found["search"]["state"] == "ok"
    assert found["emulator"]["state"] == "ok"
    assert "torch 2" in found["search"]["found"]
    assert "E060 --need lawa" in spear("doctor", "--need", "lawa").err


def test_libraries_and_extras(invented: dict[str, str]) -> None:
    """A library that is not there is an error; extras are told with what they lack; frameworks by name."""
    found = {check.name: check for check in doctor.examine()}
    assert (found["nowhere"].state, found["nowhere"].mend) == ("missing", "pip install 'nowhere>=1.0'")
    assert "tomli" not in found
    assert [found[name].state for name in ("click", "nir", "search", "snntorch", "norse")] == [*["ok"] * 4, "missing"]
    error = doctor.unmet_needs(doctor.examine(), ())
    assert [(finding.code, finding.where) for finding in error.findings] == [("E064", "nowhere")]
    invented.update(nowhere="1.0.0", torch="2.5.9")
    found = {check.name: check for check in doctor.examine()}
    assert (found["search"].state, found["search"].found) == ("old", "torch 2.5.9, needs 2.6")
    assert found["search"].mend == "pip install 'spear-deploy[search]'"
    assert doctor.unmet_needs(doctor.examine(), ()) is None
    assert doctor.readiness(doctor.examine()).endswith("to deploy: pip install 'spear-deploy[search]'")
    assert doctor.unmet_needs(doctor.examine(), ("search",)).exit_code == 6


def test_a_framework_that_is_missing(invented: dict[str, str]) -> None:
    """It is told with the command that brings it."""
    del invented["snntorch"]
    (found,) = (check for check in doctor.examine() if check.name == "snntorch")
    assert (found.state, found.found, found.mend) == ("missing", "not installed", "pip install snntorch")


def test_packages_whose_files_are_read(invented: dict[str, str]) -> None:
    """The command brings no dependencies: nothing of the package is imported."""
    (before,) = (check for check in doctor.examine() if check.name == "aeon")
    assert (before.state, before.mend) == ("missing", "pip install --no-deps aeon")
    invented.update(aeon="1.6.0")
    (after,) = (check for check in doctor.examine() if check.name == "aeon")
    assert (after.state, after.found, after.mend) == ("ok", "1.6.0", "")


def test_without_metadata(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run from a folder: said, not a traceback."""

    def requires(name: str) -> list[str]:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(doctor.metadata, "requires", requires)
    assert "extras" in [check.name for check in doctor.examine()]


def test_a_home_that_cannot_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """Named with the variable that mends it."""
    monkeypatch.setattr(doctor.os, "access", lambda *_: False)
    found = {check.name: check for check in doctor.examine()}
    assert (found["home"].state, "SPEAR_DEPLOY_HOME" in found["home"].mend) == ("broken", True)


def test_no_library_is_imported() -> None:
    """It has to work where they are broken."""
    code = "import sys\nfrom spear_deploy.api.doctor import examine\nexamine()\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"torch", "snntorch", "stable_baselines3", "lava"} & set(done.stdout.split())


@pytest.mark.parametrize(
    ("smaller", "larger"), [("2.9", "2.13.0+cpu"), ("1", "1.0.1"), ("0.59.9", "0.60"), ("1.0rc1", "1.1")]
)
def test_versions_are_compared_as_numbers(smaller: str, larger: str) -> None:
    assert doctor._parts(smaller) < doctor._parts(larger)
    assert doctor._parts("1") == doctor._parts("1.0.0")
