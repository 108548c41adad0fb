"""The output folder: what is taken for an earlier run's, what for somebody else's, and when anything is removed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from spear_deploy.deployment.folder import (
    as_folder,
    clear_leftovers,
    clear_results,
    held_folder,
    refuse_earlier,
    refuse_folder,
    refuse_sources_inside,
    take_over,
)
from spear_deploy.errors import InputError
from spear_deploy.progress import Progress

RESULTS = ("manifest.json", "program.h5", "model.nir", "samples.npz", "report.json", "report.html")


@pytest.mark.parametrize("name", ["model.nir", "samples.npz", "report.json"])
@pytest.mark.parametrize("act", [refuse_folder, clear_leftovers])
def test_files_of_the_user_are_not_taken_for_an_earlier_run(
    act: Callable[[Path], None], name: str, tmp_path: Path
) -> None:
    """A folder without a manifest or journal holds somebody's files, whatever their names: E009, and they stay."""
    (tmp_path / name).write_text("mine")
    with pytest.raises(InputError, match=f"E009.*{name}"):
        act(tmp_path)
    assert (tmp_path / name).read_text() == "mine"


def test_an_earlier_run_stays_until_there_is_a_new_one(tmp_path: Path) -> None:
    """Leftovers of a killed run go first, the bundle and the report when new ones are written, the journal never."""
    for name in (*RESULTS, "search.jsonl", ".model.nir.x.part"):
        (tmp_path / name).write_text("old")
    refuse_folder(tmp_path)
    assert len(list(tmp_path.iterdir())) == 8
    clear_leftovers(tmp_path)
    assert {item.name for item in tmp_path.iterdir()} == {*RESULTS, "search.jsonl"}
    clear_results(tmp_path)
    assert {item.name for item in tmp_path.iterdir()} == {"search.jsonl"}
    clear_results(tmp_path)


def test_a_folder_that_is_not_there_is_not_made_for_a_look(tmp_path: Path) -> None:
    """It is made when something is to be written."""
    refuse_folder(tmp_path / "a" / "b")
    assert not (tmp_path / "a").exists()
    clear_leftovers(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()


HOLDER = """
import sys, time
from pathlib import Path
from spear_deploy.deployment.folder import held_folder
with held_folder(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_one_run_at_a_time(tmp_path: Path) -> None:
    """A folder that another process writes is E017, which names it; killed, that holds it no longer."""
    folder = tmp_path / "build"
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(folder)], stdout=subprocess.PIPE, text=True) as other:
        try:
            assert other.stdout is not None
            assert other.stdout.readline() == "held\n"
            with pytest.raises(InputError, match=rf"E017.*process {other.pid}, .*held_folder"), held_folder(folder):
                pass
        finally:
            other.kill()
    with held_folder(folder):
        assert folder.is_dir()


def test_a_folder_is_made_for_a_run_and_goes_if_it_writes_nothing(tmp_path: Path) -> None:
    """So are those above it; what was there stays."""
    with held_folder(tmp_path / "a" / "b"):
        pass
    assert list(tmp_path.iterdir()) == []
    with held_folder(tmp_path / "a" / "b"):
        (tmp_path / "a" / "b" / "search.jsonl").write_text("{}")
    with held_folder(tmp_path / "a" / "b"):
        pass
    assert (tmp_path / "a" / "b" / "search.jsonl").exists()
    with pytest.raises(InputError, match="E009"), held_folder(file(tmp_path)):
        pass


@pytest.mark.parametrize(
    ("names", "resume", "said"),
    [
        (("search.jsonl",), False, "interrupted.*--resume"),
        (("search.jsonl",), True, ""),
        ((*RESULTS, "search.jsonl"), False, "bundle of an earlier run.*--force"),
        ((*RESULTS, "search.jsonl"), True, ""),
        (RESULTS, True, "bundle of an earlier run.*--force"),
        (("manifest.json", "program.h5"), True, ""),  # killed before its report: there is no journal of no search
        (("report.json",), False, ""),
        ((*RESULTS, "search.jsonl", "search.weights/a.npz"), False, "interrupted.*--resume"),
    ],
)
def test_what_would_be_lost_is_kept(names: tuple[str, ...], resume: bool, said: str, tmp_path: Path) -> None:
    """A finished bundle and a journal are refused, with the option that goes on with them or replaces them."""
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("{}")
    if not said:
        refuse_earlier(tmp_path, resume=resume)
        return
    with pytest.raises(InputError, match=f"(?s)E018.*{said}"):
        refuse_earlier(tmp_path, resume=resume)


WITHIN = {"title": "SynOps a sample", "within": True}
GOOD: dict[str, Any] = {"budgets": [WITHIN], "validation": None, "failure": None}
SHORT: dict[str, dict[str, Any]] = {
    "missed its budget of SynOps a sample and cores": {
        "budgets": [{**WITHIN, "within": False}, {"title": "cores", "within": False}]
    },
    "was contradicted by lava": {"validation": {"backend": "lava", "mismatches": 3}},
    r"was not proven (E062 lava: no time left)": {"failure": "E062 lava: no time left\n     fix: give more"},
}


@pytest.mark.parametrize(("lacking", "changed"), SHORT.items())
@pytest.mark.parametrize("resume", [False, True])
def test_what_fell_short_is_replaced(
    lacking: str, changed: dict[str, Any], resume: bool, tmp_path: Path, lines: StringIO
) -> None:
    """The bundle of a run that missed a budget or has no proof gives way, and that is said; a good one does not."""
    for name in (*RESULTS, "search.jsonl"):
        (tmp_path / name).write_text(json.dumps({**GOOD, **changed}))
    take_over(tmp_path, Progress(Console(file=lines, width=1000)), resume=resume)
    assert lines.getvalue() == f"{tmp_path} holds the bundle of an earlier run, which {lacking}: it is replaced\n"
    assert len(list(tmp_path.iterdir())) == len(RESULTS) + 1


@pytest.mark.parametrize("passed", [None, {"backend": "lava", "mismatches": 0}])
def test_what_succeeded_is_kept(passed: dict[str, Any] | None, tmp_path: Path, progress: Progress) -> None:
    """A bundle within its budgets is E018, and so is one whose report cannot be read."""
    good = json.dumps({**GOOD, "validation": passed})
    for report in (good, good[:-2], "[]", "[" * 10_000, '{"budgets": [{"within": false}]}'):
        for name in RESULTS:
            (tmp_path / name).write_text(report)
        with pytest.raises(InputError, match=r"E018.*bundle of an earlier run"):
            take_over(tmp_path, progress, resume=False)


def test_a_run_begun_over_one_that_fell_short_is_kept(tmp_path: Path, progress: Progress) -> None:
    """Interrupted, it has weights that would be lost: E018, and it can be resumed."""
    for name in (*RESULTS, "search.jsonl", "search.weights/a.npz"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(json.dumps({**GOOD, "failure": "E062 lava: no time left"}))
    with pytest.raises(InputError, match=r"(?s)E018.*interrupted.*--resume"):
        take_over(tmp_path, progress, resume=False)
    take_over(tmp_path, progress, resume=True)


@pytest.fixture
def lines() -> StringIO:
    return StringIO()


def nowhere(folder: Path) -> Path:
    (folder / "link").symlink_to(folder / "absent")
    return folder / "link"


def file(folder: Path) -> Path:
    (folder / "file").write_text("mine")
    return folder / "file"


def below_a_file(folder: Path) -> Path:
    return file(folder) / "build"


def circle(folder: Path) -> Path:
    (folder / "one").symlink_to(folder / "two")
    (folder / "two").symlink_to(folder / "one")
    return folder / "one"


def folder_for_a_file(folder: Path) -> Path:
    (folder / "manifest.json").mkdir()
    return folder


def too_long(folder: Path) -> Path:
    return folder / ("x" * 300)


@pytest.mark.parametrize("make", [nowhere, circle, file, below_a_file, folder_for_a_file, too_long])
def test_paths_that_cannot_be_a_folder(make: Callable[[Path], Path], tmp_path: Path) -> None:
    """Whatever the system says of a path is E009 with the path, and nothing is changed."""
    path = make(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(InputError) as caught:
        clear_leftovers(path)
    (finding,) = caught.value.findings
    assert (finding.code, finding.where) == ("E009", str(path))
    assert finding.fix
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("act", [clear_leftovers, clear_results])
def test_what_the_system_forbids_is_told(
    act: Callable[[Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that cannot be removed is E009."""

    def refuse(path: Path, *, missing_ok: bool = False) -> None:
        raise PermissionError(13, os.strerror(13), str(path))

    for name in ("manifest.json", ".model.nir.x.part"):
        (tmp_path / name).write_text("old")
    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(InputError, match="E009.*cannot be written: Permission denied"):
        act(tmp_path)


def test_sources_are_not_overwritten(tmp_path: Path) -> None:
    """A file that is read may not lie in the folder that is written."""
    source = tmp_path / "model.nir"
    source.write_text("mine")
    refuse_sources_inside(tmp_path / "build", [source])
    refuse_sources_inside(circle(tmp_path), [source])
    with pytest.raises(InputError, match="E009.*model.nir is in it"):
        refuse_sources_inside(tmp_path, [source])


def test_folders_are_paths(tmp_path: Path) -> None:
    """Text and paths; anything else is E009."""
    assert as_folder(str(tmp_path)) == as_folder(tmp_path) == tmp_path
    for value in (3, b"build", None, "a\0b"):
        with pytest.raises(InputError, match="E009 output: .* (is not a path|holds a null character)"):
            as_folder(value)
