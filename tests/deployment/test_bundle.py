"""The bundle: whole, reproducible, and every change to it is found."""

from __future__ import annotations

import json
from pathlib import Path

import nir
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spear_deploy.deployment import bundle as module
from spear_deploy.deployment.bundle import Bundle, Origin, read_bundle, write_bundle
from spear_deploy.errors import InputError
from spear_deploy.frontends import Semantics, load
from spear_deploy.network import Flatten
from spear_deploy.storage import sha256
from spear_deploy.targets import load_chip
from spear_deploy.targets.loihi import program_file
from spear_deploy.targets.loihi.quantise import quantise
from spear_deploy.targets.loihi.registers import Registers
from spear_deploy.targets.ports import InputRange
from tests.strategies import Builder, linear

FILES = ("program.h5", "model.nir", "samples.npz")
X, Y = (np.arange(4 * 8 * 16) % 3 == 0).astype(np.uint8).reshape(4, 8, 2, 4, 2), np.arange(4) % 3


def written(folder: Path) -> Bundle:
    build = Builder(np.random.default_rng(0), (2, 4, 2))
    build.add((build.same(3),))
    build.add((Flatten(), linear(build.rng, 3, 24)))
    network = build.network()
    program = quantise(network, "loihi2", Registers.of(load_chip("loihi2")), {"in": InputRange()}).program
    origin = Origin(network, Semantics(dt=1e-3), {"p1": [0, 2]}, {"model": "m.nir"})
    return write_bundle(folder, program, (X, Y), origin)


@pytest.fixture(scope="module")
def sound(tmp_path_factory) -> Path:
    """A bundle that tests must leave as it is."""
    folder = tmp_path_factory.mktemp("sound")
    written(folder)
    return folder


def copied(sound: Path, folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    for name in (*FILES, "manifest.json"):
        (folder / name).write_bytes((sound / name).read_bytes())
    return folder


def findings(folder: Path) -> list[tuple[str, str]]:
    """Code and file name of each finding when the bundle is opened."""
    with pytest.raises(InputError) as caught:
        read_bundle(folder)
    return [(finding.code, Path(finding.where).name) for finding in caught.value.findings]


def test_model_carries_what_was_kept_and_the_integers(sound):
    """Any NIR tool finds in the metadata the kept units, and the weights and registers of the program."""
    program = read_bundle(sound).program
    notes = nir.read(sound / "model.nir").metadata["spear_deploy"]
    assert json.loads(notes["kept_units"]) == {"p1": [0, 2]}
    quantised = notes["quantised"]
    for projection in program.projections:
        stored = quantised["projections"][projection.synapses.name]
        np.testing.assert_array_equal(stored["weight"], projection.synapses.weight)
        np.testing.assert_array_equal(stored["weight_exp"], projection.exponents)
        assert stored["delay"] == projection.delay
    for population in program.populations:
        np.testing.assert_array_equal(quantised["populations"][population.name]["vth"], population.vth)


def test_reading_gives_back_what_was_written(tmp_path):
    """Program, samples and manifest come back; the model opens and is the network that the manifest names."""
    made, opened = written(tmp_path), read_bundle(tmp_path)
    np.testing.assert_array_equal(opened.x, X)
    np.testing.assert_array_equal(opened.y, Y)
    assert opened.manifest == made.manifest == json.loads((tmp_path / "manifest.json").read_text())
    assert opened.program.shapes == made.program.shapes
    assert opened.manifest["origin"] == {"semantics": Semantics(dt=1e-3).to_json(), "model": "m.nir"}
    assert (opened.manifest["target"], opened.manifest["chip"]) == ("loihi", "loihi2")
    assert load(tmp_path / "model.nir").network.content_hash == opened.manifest["network"]
    assert opened.folder == tmp_path


def test_writing_twice_gives_the_same_bytes(sound, tmp_path):
    """All files of a bundle are a function of its content."""
    written(tmp_path)
    for name in (*FILES, "manifest.json"):
        assert (tmp_path / name).read_bytes() == (sound / name).read_bytes(), name


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(FILES), st.data())
def test_any_changed_byte_is_found_and_its_file_named(sound, tmp_path, name, data):
    """One other byte anywhere in one file, before anything of it is parsed."""
    folder = copied(sound, tmp_path)
    content = bytearray((folder / name).read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    (folder / name).write_bytes(bytes(content))
    assert findings(folder) == [("E010", name)]


def test_all_damage_is_reported_at_once(sound, tmp_path):
    """A missing and a truncated file are both named."""
    folder = copied(sound, tmp_path)
    (folder / "model.nir").unlink()
    (folder / "samples.npz").write_bytes((folder / "samples.npz").read_bytes()[:-1])
    assert sorted(findings(folder)) == [("E010", "model.nir"), ("E010", "samples.npz")]


@pytest.mark.parametrize(
    "text", ["", "[]", '{"schema": 1}', '{"schema": 2}', '{"files": 3}', "\x00", '{"files": ["program.h5"]}']
)
def test_manifest_that_is_none_is_damage(sound, tmp_path, text):
    """Anything else in its place is E010 of the manifest."""
    folder = copied(sound, tmp_path)
    (folder / "manifest.json").write_text(text)
    assert findings(folder) == [("E010", "manifest.json")]


@pytest.mark.parametrize("change", [{"schema": 1}, {"target": "abacus"}, {"target": ["loihi"]}, {"files": {}}])
def test_manifest_of_another_kind_is_damage(sound, tmp_path, change):
    """An older schema and a target that there is not are E010 of the manifest."""
    folder = copied(sound, tmp_path)
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**manifest, **change}))
    assert findings(folder) == [("E010", "manifest.json")]


@pytest.mark.parametrize("arrays", [{"x": X}, {"x": X, "y": np.array([None] * 4)}])
def test_samples_that_are_none_are_damage(sound, tmp_path, arrays):
    """A file whose hash is right and whose content is not: a missing array, pickled objects."""
    folder = copied(sound, tmp_path)
    np.savez(folder / "samples.npz", **arrays)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"]["samples.npz"] = sha256(folder / "samples.npz")
    (folder / "manifest.json").write_text(json.dumps(manifest))
    assert findings(folder) == [("E010", "samples.npz")]


def test_manifest_cannot_name_files_elsewhere(sound, tmp_path):
    """Only files of the folder itself are read."""
    folder = copied(sound, tmp_path / "bundle")
    (tmp_path / "secret").write_text("text")
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"]["../secret"] = "0"
    (folder / "manifest.json").write_text(json.dumps(manifest))
    assert findings(folder) == [("E010", "manifest.json")]


def test_folder_without_a_manifest_holds_no_bundle(sound, tmp_path):
    """E001 tells to compile first."""
    folder = copied(sound, tmp_path)
    (folder / "manifest.json").unlink()
    assert findings(folder) == [("E001", "manifest.json")]


@pytest.mark.parametrize(("place", "step"), [(program_file, "write_program"), (module, "save"), (module, "sha256")])
@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(28, "No space left on device")])
def test_interrupted_writing_leaves_the_earlier_bundle(sound, tmp_path, monkeypatch, place, step, error):
    """Whichever step fails, the old files are whole, and nothing is left of the new ones."""

    def fail(*_args, **_options):
        raise error

    folder = copied(sound, tmp_path)
    monkeypatch.setattr(place, step, fail)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises((KeyboardInterrupt, OSError)):
        written(folder)
    monkeypatch.undo()
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert read_bundle(folder).manifest


def test_a_killed_replacement_never_vouches_for_other_files(sound, tmp_path, monkeypatch):
    """The manifest goes before the first file of an earlier bundle is replaced, and comes last."""
    replaced, real = [], Path.replace

    def replace(path, target):
        if path.parent.name == ".bundle.part" and Path(target).parent.name != ".bundle.part":
            replaced.append((path.name, (tmp_path / "manifest.json").exists()))
        return real(path, target)

    monkeypatch.setattr(Path, "replace", replace)
    written(copied(sound, tmp_path))
    assert replaced == [(name, False) for name in (*FILES, "manifest.json")]
