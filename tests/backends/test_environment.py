"""Environments of backends: finding a Python, the marker, the lock.  Nothing is downloaded."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest

from spear_deploy.backends import environment
from spear_deploy.errors import BackendError

VERSION = f"{sys.version_info[0]}.{sys.version_info[1]}"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home of the tool, and no Python chosen by the user."""
    monkeypatch.setenv("SPEAR_DEPLOY_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("SPEAR_DEPLOY_LAVA_PYTHON", raising=False)
    return tmp_path / "home"


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A backend distribution to change at will, in place of the real one."""
    folder = tmp_path / "distribution"
    (folder / "src").mkdir(parents=True)
    (folder / "pyproject.toml").write_text("[project]")
    (folder / "constraints.txt").write_text("numpy==1.26.4")
    (folder / "src" / "module.py").write_text("")
    monkeypatch.setattr(environment, "_source", lambda backend: folder)
    return folder


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Titles of the installation steps, none of which is carried out."""
    titles: list[str] = []
    monkeypatch.setattr(environment._Installer, "run", lambda self, title, command: titles.append(title))
    return titles


def _stub(folder: Path, name: str, text: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{text}\n")
    (folder / name).chmod(0o755)


def test_home_is_where_the_variable_says(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """$SPEAR_DEPLOY_HOME is used if set, otherwise a folder in the user's data."""
    assert environment.home() == home
    monkeypatch.delenv("SPEAR_DEPLOY_HOME")
    assert environment.home() == Path.home() / ".local/share/spear-deploy"


def test_finds_the_preferred_version_that_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that fails, or says another version than its name, is passed over."""
    _stub(tmp_path / "a", "python3.98", "exit 1")
    _stub(tmp_path / "b", "python3.98", "echo 3.98")
    _stub(tmp_path / "b", "python3.99", "echo 3.97")
    monkeypatch.setenv("PATH", f"{tmp_path / 'a'}{os.pathsep}{tmp_path / 'b'}")
    assert environment.find_python(("3.99", "3.98")) == (tmp_path / "b" / "python3.98", "3.98")


def test_falls_back_on_the_running_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any command on the path, this very Python is used, if its version fits."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert environment.find_python(("3.99", VERSION)) == (Path(sys.executable), VERSION)
    assert environment.find_python(("3.99",)) is None


def test_not_installed(home: Path) -> None:
    """Without an environment the error says how to get one."""
    with pytest.raises(BackendError, match="E060") as raised:
        environment.python_of("lava")
    assert "spear-deploy backend install lava" in str(raised.value)
    with pytest.raises(BackendError, match="E008"):
        environment.python_of("nonesuch")


def test_chosen_python_is_run_as_it_is(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Python named by the user needs no installation, and keeps its own settings."""
    monkeypatch.setenv("SPEAR_DEPLOY_LAVA_PYTHON", "/opt/lava/bin/python")
    assert environment.python_of("lava") == Path("/opt/lava/bin/python")
    assert environment.command_of("lava") == ["/opt/lava/bin/python", "-m", "spear_deploy_lava"]


def test_install_is_idempotent(home: Path, sources: Path, steps: list[str]) -> None:
    """The second installation does nothing, and the command runs isolated from the caller's settings."""
    python = environment.install("lava")
    assert python == home / "backends/lava/venv/bin/python" == environment.python_of("lava")
    assert environment.command_of("lava") == [str(python), "-I", "-m", "spear_deploy_lava"]
    steps.clear()
    lines: list[str] = []
    assert environment.install("lava", lines.append) == python
    assert (steps, lines) == ([], ["up to date"])


@pytest.mark.parametrize(
    ("file", "again"),
    [("src/module.py", "updating the backend"), ("constraints.txt", "making an environment")],
    ids=["sources", "pins"],
)
def test_changes_are_installed(home: Path, sources: Path, steps: list[str], file: str, again: str) -> None:
    """Changed sources replace the backend alone; changed versions make a new environment."""
    environment.install("lava")
    (sources / file).write_text("changed = True")
    with pytest.raises(BackendError, match="another version"):
        environment.python_of("lava")
    steps.clear()
    environment.install("lava")
    assert steps[0].startswith(again)
    environment.python_of("lava")


def test_failed_installation_leaves_no_marker(
    home: Path, sources: Path, steps: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was interrupted is not taken for installed, and is made anew."""
    environment.install("lava")
    (sources / "src" / "module.py").write_text("changed = True")

    def fail(self: object, title: str, command: list[str]) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(environment._Installer, "run", fail)
        with pytest.raises(KeyboardInterrupt):
            environment.install("lava")
    with pytest.raises(BackendError, match="E060"):
        environment.python_of("lava")
    steps.clear()
    environment.install("lava")
    assert steps[0].startswith("making an environment")


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"pins": 1}', "\xff"])
def test_damaged_marker_counts_as_none(home: Path, sources: Path, content: str) -> None:
    """A marker that cannot be read means that nothing is installed."""
    folder = home / "backends/lava"
    folder.mkdir(parents=True)
    (folder / "installed.json").write_bytes(content.encode("latin-1"))
    with pytest.raises(BackendError, match="E060"):
        environment.python_of("lava")


def test_marker_round_trip(tmp_path: Path) -> None:
    """What is written is what is read."""
    marker = environment.Marker("a", "b", "3.10")
    environment._write_marker(tmp_path, marker)
    assert environment._read_marker(tmp_path) == marker
    assert set(asdict(marker)) == {"pins", "sources", "python"}


def test_failed_step_quotes_the_end_of_its_output(tmp_path: Path) -> None:
    """The error holds the last lines of the step that failed, not those of an earlier one."""
    installer = environment._Installer(tmp_path / "log", environment.BACKENDS["lava"], lambda line: None)
    installer.run("first", ["sh", "-c", "echo earlier"])
    with pytest.raises(BackendError, match="E063") as raised:
        installer.run("second", ["sh", "-c", "seq 100; exit 3"])
    text = str(raised.value)
    assert "second failed (exit status 3)" in text
    assert "\n100\n" in text
    assert "earlier" not in text
    assert "\n1\n" not in text
    with pytest.raises(BackendError, match="E063"):
        installer.run("third", [str(tmp_path / "missing")])


def test_no_python(home: Path, sources: Path, steps: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a suitable Python the error names the versions."""
    monkeypatch.setattr(environment, "find_python", lambda versions: None)
    with pytest.raises(BackendError, match="E063") as raised:
        environment.install("lava")
    assert "3.10 or 3.11 or 3.12" in str(raised.value)


def _hold(path: Path, backend: environment.Backend, held: Callable[[], None]) -> None:
    with environment._locked(path, backend):
        held()
        time.sleep(30)


def test_lock_excludes_and_dies_with_its_holder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One installation at a time; a killed one does not block the next."""
    backend = environment.BACKENDS["lava"]
    monkeypatch.setattr(environment, "_LOCK_LIMIT", 0.3)
    context = multiprocessing.get_context("fork")
    held = context.Event()
    holder = context.Process(target=_hold, args=(tmp_path / "lock", backend, held.set))
    holder.start()
    assert held.wait(10)
    with pytest.raises(BackendError, match="another installation"), environment._locked(tmp_path / "lock", backend):
        pass
    holder.kill()
    holder.join()
    with environment._locked(tmp_path / "lock", backend):
        pass


def test_check_that_says_nothing(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A backend that cannot even start is told with the last line that it printed."""
    _stub(tmp_path / "bin", "python", "echo 'No module named spear_deploy_lava' >&2; exit 1")
    monkeypatch.setenv("SPEAR_DEPLOY_LAVA_PYTHON", str(tmp_path / "bin" / "python"))
    with pytest.raises(BackendError, match="E061") as raised:
        environment.check("lava")
    assert "No module named spear_deploy_lava" in str(raised.value)


@pytest.mark.lava
def test_check(lava_python: Path) -> None:
    """The installed backend computes what it should."""
    report = environment.check("lava")
    assert report["ok"], report["message"]
    assert report["lava"] == "0.10.0"


@pytest.mark.lava
def test_supervisor_needs_no_lava(lava_python: Path) -> None:
    """The supervisor imports the standard library alone: it must not fail or hang with Lava."""
    code = (
        "import sys; before = set(sys.modules); import spear_deploy_lava.cli;"
        "print({m.partition('.')[0] for m in set(sys.modules) - before} - sys.stdlib_module_names)"
    )
    command = [*environment.command_of("lava")[:-2], "-c", code]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == "{'spear_deploy_lava'}"
