"""The Python interface: light to import, presets by name, every mistake told."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import spear_deploy
from spear_deploy.errors import InputError, UnsupportedError
from spear_deploy.frontends.nir import file as nir_file
from spear_deploy.frontends.semantics import Semantics, preset
from tests.frontends.nir.graphs import chain, lif, linear

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file without semantics."""
    nir_file.write(tmp_path / "net.nir", chain(linear(3, 2), lif(3, tau=2e-3, r=20.0), shape=(2,)))
    return tmp_path / "net.nir"


def test_importing_the_package_imports_nothing_else() -> None:
    """``import spear_deploy`` loads neither numpy nor torch; ``load`` does without torch."""
    code = (
        "import sys, spear_deploy; assert not {'numpy', 'torch', 'h5py'} & set(sys.modules);"
        "spear_deploy.load; assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_names_are_those_declared() -> None:
    """Everything declared can be had, anything else is an AttributeError as of any module."""
    assert all(getattr(spear_deploy, name) is not None for name in spear_deploy.__all__)
    assert spear_deploy.errors.InputError is InputError
    with pytest.raises(AttributeError, match="no attribute 'save_all'"):
        spear_deploy.save_all  # noqa: B018


def test_semantics_by_name_file_or_value(path: Path, tmp_path: Path) -> None:
    """A preset's name, a TOML file and the object itself say the same."""
    toml = tmp_path / "s.toml"
    toml.write_text('preset = "snntorch"\nreset = "zero"\n', encoding="utf-8")
    by_name = spear_deploy.load(path, "snntorch", reset="zero")
    by_file = spear_deploy.load(str(path), toml)
    by_value = spear_deploy.load(path, Semantics(**{**vars(preset("snntorch")), "reset": "zero"}))
    assert by_name.semantics == by_file.semantics == by_value.semantics
    assert by_name.network.content_hash == by_file.network.content_hash == by_value.network.content_hash


def test_missing_semantics(path: Path) -> None:
    """A file that does not carry its semantics is not guessed at."""
    with pytest.raises(UnsupportedError) as caught:
        spear_deploy.load(path)
    assert caught.value.findings[0].code == "E020"


def test_misspelt_names(path: Path) -> None:
    """An unknown preset suggests the nearest; unknown fields and values are listed at once."""
    with pytest.raises(InputError, match="did you mean 'snntorch'"):
        spear_deploy.load(path, "snntroch")
    with pytest.raises(InputError) as caught:
        spear_deploy.load(path, "snntorch", rest="zero", compare="more", reset=np.ones(2))
    assert [finding.where for finding in caught.value.findings] == ["load: rest", "load: compare", "load: reset"]
    with pytest.raises(InputError, match="load: preset"):
        spear_deploy.load(path, Semantics(dt=1e-4), preset="snntorch")


@pytest.mark.parametrize("suffix", ["", ".nir", ".net", ".npz", ".toml"])
def test_names_that_the_system_takes_for_no_file(suffix: str, path: Path) -> None:
    """A name longer than any file's, of a model, semantics, data or a chip, is told like any that is not there."""
    name = "x" * 300 + suffix
    imported = spear_deploy.load(path, "snntorch")
    x = np.zeros((4, 2, 20))
    for call in (
        lambda: spear_deploy.load(name),
        lambda: spear_deploy.load(path, name),
        lambda: spear_deploy.deploy(imported, name, synops=5),
        lambda: spear_deploy.deploy(imported, (x, x), name, synops=5),
    ):
        with pytest.raises(InputError, match="E00[158]"):
            call()


@pytest.mark.parametrize("source", [None, 3, [1], b"model.nir"])
def test_sources_that_are_no_file(source: object) -> None:
    """What is neither a path nor a graph is E001; semantics that are no such thing are E008."""
    with pytest.raises(InputError, match="E001 load: .* is not a file"):
        spear_deploy.load(source)
    with pytest.raises(InputError, match="E008 semantics: int says nothing"):
        spear_deploy.load("model.nir", 3)
