"""Project files: what they hold is what the command line holds, and a bundle carries one that repeats its run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import pytest

import spear_deploy
from spear_deploy.cli.build import build_command
from spear_deploy.cli.project import read_project
from spear_deploy.deployment.project import write_project
from spear_deploy.errors import InputError
from spear_deploy.progress import Progress
from spear_deploy.storage import sha256
from tests.cli.conftest import Run

QUICK = ("--backend", "emulator", "--method", "uniform", "--epochs", "1", "--effort", "quick")


def held_in(text: str, folder: Path, *given: str) -> dict[str, object]:
    path, context = folder / "spear.toml", click.Context(build_command)
    path.write_text(text, encoding="utf-8")
    return read_project(path, build_command.get_params(context), context, given)


def test_a_bundle_repeats_its_run(spear: Run, tiny_nir: Path, tiny_npz: Path, tmp_path: Path) -> None:
    """Built from the file in its folder, a run gives the same integers and samples; options given here win."""
    first, again, other = (tmp_path / name for name in ("first", "again", "other"))
    given = ("--chip", "loihi2", "--data", tiny_npz, "--synops", "70%", "--seed", "3", "--samples", "all", *QUICK)
    assert spear("deploy", tiny_nir, *given, "-o", first).code == 0
    done = spear("build", first / "spear.toml", "-o", again)
    assert done.code == 0, done.err
    for name in ("program.h5", "model.nir", "samples.npz"):
        assert sha256(first / name) == sha256(again / name)
    assert 'samples = "all"' in (again / "spear.toml").read_text()
    assert spear("build", first / "spear.toml", "--synops", "60%", "-o", other).code == 0
    assert sha256(first / "program.h5") != sha256(other / "program.h5")
    assert spear("build", first / "spear.toml", "-o", again, "--force").code == 0


def test_a_bundle_from_python_repeats_its_run(
    spear: Run, tiny_nir: Path, tiny_npz: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that was made of files, and saved elsewhere, is built again by the command line to the same bytes."""
    monkeypatch.chdir(tiny_nir.parent)
    given: dict[str, Any] = {"synops": "70%", "method": "uniform", "epochs": 1.0, "effort": "quick"}
    done = spear_deploy.deploy(tiny_nir.name, tiny_npz, samples=None, normalise=(0.0, 1.0), memory=1 << 32, **given)
    first, again = done.save(tmp_path / "deep" / "first"), tmp_path / "again"
    monkeypatch.chdir(tmp_path)
    built = spear("build", first / "spear.toml", "-o", again)
    assert built.code == 0, built.err
    for name in ("program.h5", "model.nir", "samples.npz"):
        assert sha256(first / name) == sha256(again / name)


def test_an_interrupted_run_goes_on_from_its_folder(
    spear: Run, tiny_nir: Path, tiny_npz: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It leaves its options beside its journal: build --resume ends with the bytes of one that nothing stopped."""
    whole, folder = tmp_path / "whole", tmp_path / "folder"
    given = ("deploy", tiny_nir, "--chip", "loihi2", "--data", tiny_npz, "--synops", "70%", *QUICK)
    assert spear(*given, "-o", whole).code == 0
    with monkeypatch.context() as patch:
        step = Progress.step

        def stop(self: Progress, name: str) -> Any:
            if name == "close":
                raise KeyboardInterrupt
            return step(self, name)

        patch.setattr(Progress, "step", stop)
        assert spear(*given, "-o", folder).code == 130
    assert not (folder / "manifest.json").exists()
    done = spear("build", folder / "spear.toml", "--resume")
    assert done.code == 0, done.err
    assert sha256(folder / "program.h5") == sha256(whole / "program.h5")


def test_values_become_what_the_command_line_makes_of_them(tmp_path: Path) -> None:
    """Numbers, texts and flags; dashes are underscores; paths lead from the file, names of what is built in do not."""
    (tmp_path / "chip.toml").write_text("")
    lines = ['model = "sub/net.nir"', 'chip = "chip.toml"', 'data = "digits"', 'output = "out"', "max-drop = 2"]
    lines += ['synops = "50%"', "seed = 7", "adapt = true", "reset_delay = false", 'samples = "all"', "epochs = 0.5"]
    held = held_in("\n".join([*lines, 'semantics = "nir"']), tmp_path)
    assert held == {
        "model": tmp_path / "sub" / "net.nir",
        "chip": str(tmp_path / "chip.toml"),
        "data": "digits",
        "output": tmp_path / "out",
        "max_drop": "2",
        "synops": "50%",
        "seed": 7,
        "adapt": True,
        "reset_delay": False,
        "samples": None,
        "epochs": 0.5,
        "semantics": "nir",
    }


def test_all_that_is_wrong_is_told_with_its_line(tmp_path: Path) -> None:
    """Keys that there are not, values that cannot be meant, tables, what is missing: at once."""
    lines = ["# comment", 'model = "net.nir"', "", 'chp = "loihi2"', 'steps = "many"', 'adapt = "yes"', "seed = true"]
    lines += ["resume = true", "epochs = -1", '"method" = "none"', "samples = 0", "", "[synops]", "mean = 1"]
    with pytest.raises(InputError) as caught:
        held_in("\n".join(lines), tmp_path, "output")
    found = {str(finding.where).partition("line ")[2].partition(",")[0] for finding in caught.value.findings}
    assert found == {"4", "5", "6", "7", "8", "9", "10", "11", "13", ""}
    told = [str(finding) for finding in caught.value.findings]
    assert {finding.code for finding in caught.value.findings} == {"E049"}
    assert "did you mean chip?" in told[0]
    assert [line.partition("says no ")[2].split()[0] for line in told if "says no" in line] == ["chip", "data"]


@pytest.mark.parametrize("text", ["model = ", "model = 'a'\nmodel = 'b'", "\x00", "a = " + "[" * 5000])
def test_what_is_no_toml(text: str, tmp_path: Path) -> None:
    """Told with what the parser says of it."""
    with pytest.raises(InputError, match="E049 .* is not TOML"):
        held_in(text, tmp_path)


def test_no_file(spear: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """E001, with a page that shows one; a folder is none either."""
    monkeypatch.chdir(tmp_path)
    for arguments in ((), ("absent.toml",), (str(tmp_path),)):
        done = spear("build", *arguments)
        assert (done.code, "E001" in done.err, "docs/project.md" in done.err) == (2, True, True)


def test_paths_lead_from_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of code its file does, and files that are missing, so that the error names where they were looked for."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "project"
    folder.mkdir()
    common = 'model = "net.nir"\noutput = "o"\n'
    for name in ("mydata.py:load", "sub/mydata.py:a.b", "absent.npz", "absent/"):
        held = held_in(f'{common}chip = "absent.toml"\nsemantics = "absent.toml"\ndata = "{name}"', folder)
        file, colon, attribute = name.partition(":")
        assert held["data"] == f"{folder / file}{colon}{attribute}"
        assert held["chip"] == held["semantics"] == str(folder / "absent.toml")
    for name in ("package.module:load", "aeon:JapaneseVowels", "nosuch"):
        assert held_in(f'{common}chip = "loihi2"\ndata = "{name}"', folder)["data"] == name


def test_names_of_what_is_built_in_stay_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a file or folder of that name lies too: nir, digits and loihi2 are likely ones."""
    monkeypatch.chdir(tmp_path)
    names = {"semantics": "nir", "data": "digits", "chip": "loihi2"}
    for name in names.values():
        (tmp_path / name).mkdir()
    options = {"model": tmp_path / "net.nir", **names, "output": tmp_path / "o"}
    (tmp_path / "o").mkdir()
    write_project(tmp_path / "o" / "spear.toml", options)
    assert held_in((tmp_path / "o" / "spear.toml").read_text(), tmp_path) == {
        "model": tmp_path / "../net.nir",
        **names,
        "output": tmp_path,
    }


def test_a_folder_behind_a_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Paths in the file lead on from where the folder really is; the model's own link keeps its name."""
    monkeypatch.chdir(tmp_path)
    real = tmp_path / "far" / "away" / "deep"
    real.mkdir(parents=True)
    Path("link").symlink_to(real)
    (tmp_path / "real.nir").write_bytes(b"")
    Path("net.nir").symlink_to("real.nir")
    Path("mydata.py").write_text("")
    options = {"model": Path("net.nir"), "chip": "loihi2", "data": "mydata.py:load", "output": Path("link")}
    write_project(Path("link/spear.toml"), options)
    held = held_in(Path("link/spear.toml").read_text(), Path("link"))
    assert held["model"].name == "net.nir"
    assert held["model"].samefile("net.nir")
    assert Path(held["data"].removesuffix(":load")).samefile("mydata.py")


def test_what_is_no_utf8_is_left_out(tmp_path: Path) -> None:
    """A file's name may be any bytes; the project file says what it lacks."""
    strange = tmp_path / "a\udcff.nir"
    path = tmp_path / "o" / "spear.toml"
    write_project(path, {"model": strange, "chip": "loihi2", "data": "digits", "output": tmp_path / "o"})
    head, *_ = text = path.read_text(encoding="utf-8").splitlines()
    assert head == "# This run was given what no file like this can name: model."
    assert not [line for line in text if line.startswith("model")]
    with pytest.raises(InputError, match="E049 .* says no model"):
        held_in(path.read_text(), tmp_path)


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    """Quotes, newlines, other scripts and control characters in names survive."""
    options = {"model": tmp_path / 'a "b"\\c.nir', "chip": "loihi2", "data": "däta\n\x7f\x01", "output": tmp_path / "o"}
    write_project(tmp_path / "spear.toml", {**options, "seed": 3, "adapt": True, "net": False, "dt": None})
    held = held_in((tmp_path / "spear.toml").read_text(encoding="utf-8"), tmp_path)
    assert held == {**options, "seed": 3, "adapt": True}
