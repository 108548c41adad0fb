"""The wheel: what it holds, and that it works where there is no checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "spear_deploy"
_ABSENT = "No matching distribution found for hatch"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout."""
    return build(ROOT, tmp_path_factory.mktemp("wheel"))


def build(checkout: Path, folder: Path) -> Path:
    """Build the wheel by pip; skip where what builds it cannot be had."""
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(checkout)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode and _ABSENT in done.stderr:
        pytest.skip("hatchling or hatch-vcs, which build the wheel, cannot be had here")
    assert done.returncode == 0, done.stderr
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel installed: without index, checkout or dependencies, which are those of the tests."""
    folder = tmp_path_factory.mktemp("installed")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", str(folder)]
    done = subprocess.run([*command, str(wheel)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


def run(installed: Path, folder: Path, *words: object) -> str:
    """Run the installed command in a folder outside the checkout; return what it printed."""
    script = installed / "bin" / "spear-deploy"
    done = subprocess.run(
        [sys.executable, script, *map(str, words)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(installed), "SPEAR_DEPLOY_HOME": str(folder), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{words}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    return done.stdout


def test_every_file_of_the_package_is_in_it(wheel: Path) -> None:
    """Schema, templates, examples of the catalogue as well as code; and the data that lie beside the package."""
    with zipfile.ZipFile(wheel) as archive:
        held = set(archive.namelist())
    wanted = {path.relative_to(ROOT) for path in PACKAGE.rglob("*") if path.is_file()}
    wanted = {path for path in wanted if "__pycache__" not in path.parts and not path.name.startswith(".")}
    assert {path.suffix for path in wanted} > {".py", ".json", ".html", ".css", ".md"}
    assert {path.as_posix() for path in wanted} <= held
    profiles = {f"spear_deploy/_data/hw_profiles/{path.name}" for path in (ROOT / "hw_profiles").glob("*.toml")}
    assert profiles
    assert profiles <= held
    assert not [name for name in held if name.startswith(("tests/", "docs/", "benchmarks/"))]


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="the checkout has no history")
def test_its_version_is_the_tag(tmp_path: Path) -> None:
    """A clone with another tag builds another version: none is written in the code."""
    clone = tmp_path / "clone"
    for words in (("clone", "--quiet", "--depth=1", f"file://{ROOT}", clone), ("-C", clone, "tag", "v9.8.7")):
        subprocess.run(["git", *words], check=True)
    assert build(clone, tmp_path).name == "spear_deploy-9.8.7-py3-none-any.whl"


def test_it_works_without_a_checkout(wheel: Path, installed: Path, tmp_path: Path) -> None:
    """Chips, catalogue, a shipped example, backends' sources, templates and schema are found in the wheel."""
    where = "import spear_deploy; print(spear_deploy.__file__)"
    told = subprocess.run(
        [sys.executable, "-c", where],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert Path(told.stdout.strip()).is_relative_to(installed), "the checkout would hide what is missing"
    version = wheel.name.split("-")[1].replace("_", ".")
    assert version in run(installed, tmp_path, "--version")
    assert "loihi2" in run(installed, tmp_path, "chips")
    assert "synapse" in run(installed, tmp_path, "chips", "loihi2")
    assert "spear-deploy " in run(installed, tmp_path, "explain", "E034")
    assert "backend install lava" in run(installed, tmp_path, "backend", "list")
    example = installed / "spear_deploy" / "_data" / "examples" / "digits"
    given = (example / "digits.nir", "--semantics", example / "semantics.toml", "--chip", "loihi2")
    assert "synaptic memory" in run(installed, tmp_path, "inspect", *given)
    shutil.copyfile(ROOT / "tests" / "report" / "digits.json", tmp_path / "report.json")
    assert "figure: " in run(installed, tmp_path, "report", ".", "--figures", "figures")
    assert (tmp_path / "report.html").is_file()
