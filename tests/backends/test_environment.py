"""Environments of backends: finding a Python, the marker, the lock.  Nothing is downloaded."""

from __future__ import annotations

import multiprocessing
import subprocess
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest

from spear_deploy.backends import BACKENDS, environment
from spear_deploy.backends.environment import Environment
from spear_deploy.backends.lava_process import ENVIRONMENT
from spear_deploy.errors import BackendError, InputError
from tests.backends.stubs import stub


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
    monkeypatch.setattr(Environment, "_source", folder)
    return folder


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Titles of the installation steps, none of which is carried out."""
    titles: list[str] = []
    monkeypatch.setattr(environment._Installer, "run", lambda self, title, command: titles.append(title))
    return titles


def test_home_is_where_the_variable_says(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """$SPEAR_DEPLOY_HOME is used if set, otherwise a folder in the user's data."""
    assert environment.home() == home
    monkeypatch.delenv("SPEAR_DEPLOY_HOME")
    assert environment.home() == Path.home() / ".local/share/spear-deploy"


def test_not_installed(home: Path) -> None:
    """Without an environment the error says how to get one."""
    with pytest.raises(BackendError, match="E060") as raised:
        ENVIRONMENT.python()
    assert "spear-deploy backend install lava" in str(raised.value)
    with pytest.raises(InputError, match="E008"):
        BACKENDS.get("nonesuch")


def test_chosen_python_is_run_as_it_is(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Python named by the user needs no installation, and keeps its own settings."""
    monkeypatch.setenv("SPEAR_DEPLOY_LAVA_PYTHON", "/opt/lava/bin/python")
    assert ENVIRONMENT.python() == Path("/opt/lava/bin/python")
    assert ENVIRONMENT.command() == ["/opt/lava/bin/python", "-m", "spear_deploy_lava"]


def test_install_is_idempotent(home: Path, sources: Path, steps: list[str]) -> None:
    """The second installation does nothing, and the command runs isolated from the caller's settings."""
    python = ENVIRONMENT.install()
    assert python == home / "backends/lava/venv/bin/python" == ENVIRONMENT.python()
    assert ENVIRONMENT.command() == [str(python), "-I", "-m", "spear_deploy_lava"]
    steps.clear()
    lines: list[str] = []
    assert ENVIRONMENT.install(lines.append) == python
    assert (steps, lines) == ([], ["up to date"])


@pytest.mark.parametrize(
    ("file", "again"),
    [("src/module.py", "updating the backend"), ("constraints.txt", "making an environment")],
    ids=["sources", "pins"],
)
def test_changes_are_installed(home: Path, sources: Path, steps: list[str], file: str, again: str) -> None:
    """Changed sources replace the backend alone; changed versions make a new environment."""
    ENVIRONMENT.install()
    (sources / file).write_text("changed = True")
    with pytest.raises(BackendError, match="another version"):
        ENVIRONMENT.python()
    steps.clear()
    ENVIRONMENT.install()
    assert steps[0].startswith(again)
    ENVIRONMENT.python()


def test_extras_are_added_once(home: Path, sources: Path, steps: list[str]) -> None:
    """What a further backend needs is added to the environment that is there, and the error says what is missing."""
    ENVIRONMENT.install()
    with pytest.raises(BackendError, match="E060 netx: .* lacks lava-dl") as raised:
        ENVIRONMENT.python("netx")
    assert "spear-deploy backend install netx" in str(raised.value)
    steps.clear()
    assert ENVIRONMENT.install(extra="netx") == ENVIRONMENT.python("netx") == ENVIRONMENT.python()
    assert steps == ["installing lava-dl", "checking it"]
    steps.clear()
    lines: list[str] = []
    ENVIRONMENT.install(lines.append, "netx")
    ENVIRONMENT.install(lines.append)
    assert (steps, lines) == ([], ["up to date"] * 2)


def test_extras_outlive_new_sources(home: Path, sources: Path, steps: list[str]) -> None:
    """What was added stays where the backend alone is replaced, and comes back where the environment is made anew."""
    ENVIRONMENT.install(extra="netx")
    (sources / "src/module.py").write_text("changed = True")
    steps.clear()
    ENVIRONMENT.install()
    assert steps == ["updating the backend", "checking it"]
    ENVIRONMENT.python("netx")
    (sources / "constraints.txt").write_text("changed")
    steps.clear()
    ENVIRONMENT.install()
    assert "installing lava-dl" in steps
    ENVIRONMENT.python("netx")


def test_failed_installation_leaves_no_marker(
    home: Path, sources: Path, steps: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was interrupted is not taken for installed, and is made anew."""
    ENVIRONMENT.install()
    (sources / "src" / "module.py").write_text("changed = True")

    def fail(self: object, title: str, command: list[str]) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(environment._Installer, "run", fail)
        with pytest.raises(KeyboardInterrupt):
            ENVIRONMENT.install()
    with pytest.raises(BackendError, match="E060"):
        ENVIRONMENT.python()
    steps.clear()
    ENVIRONMENT.install()
    assert steps[0].startswith("making an environment")


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"pins": 1}', "\xff"])
def test_damaged_marker_counts_as_none(home: Path, sources: Path, content: str) -> None:
    """A marker that cannot be read means that nothing is installed."""
    folder = home / "backends/lava"
    folder.mkdir(parents=True)
    (folder / "installed.json").write_bytes(content.encode("latin-1"))
    with pytest.raises(BackendError, match="E060"):
        ENVIRONMENT.python()


def test_marker_round_trip(home: Path) -> None:
    """What is written is what is read."""
    marker = environment.Marker("a", "b", "3.10", ["netx"])
    ENVIRONMENT.folder.mkdir(parents=True)
    ENVIRONMENT._write_marker(marker)
    assert ENVIRONMENT._marker() == marker
    assert set(asdict(marker)) == {"pins", "sources", "python", "extras"}


def test_failed_step_quotes_the_end_of_its_output(tmp_path: Path) -> None:
    """The error holds the last lines of the step that failed, not those of an earlier one."""
    installer = environment._Installer(tmp_path / "log", "lava", lambda line: None)
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
        ENVIRONMENT.install()
    assert "3.10 or 3.11 or 3.12" in str(raised.value)


def _hold(path: Path, name: str, held: Callable[[], None]) -> None:
    with environment._lock(path, name):
        held()
        time.sleep(30)


def test_lock_excludes_and_dies_with_its_holder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One installation at a time; a killed one does not block the next."""
    monkeypatch.setattr(environment, "_LOCK_LIMIT", 0.3)
    context = multiprocessing.get_context("fork")
    held = context.Event()
    holder = context.Process(target=_hold, args=(tmp_path / "lock", "lava", held.set))
    holder.start()
    assert held.wait(10)
    with pytest.raises(BackendError, match="another installation"), environment._lock(tmp_path / "lock", "lava"):
        pass
    holder.kill()
    holder.join()
    with environment._lock(tmp_path / "lock", "lava"):
        pass


def test_check_that_says_nothing(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A backend that cannot even start is told with the last line that it printed."""
    stub(tmp_path / "bin", "python", "echo 'No module named spear_deploy_lava' >&2; exit 1")
    monkeypatch.setenv("SPEAR_DEPLOY_LAVA_PYTHON", str(tmp_path / "bin" / "python"))
    with pytest.raises(BackendError, match="E061") as raised:
        ENVIRONMENT.check()
    assert "No module named spear_deploy_lava" in str(raised.value)


@pytest.mark.lava
def test_check(lava_python: Path) -> None:
    """The installed backend computes what it should."""
    report = ENVIRONMENT.check()
    assert report["ok"], report["message"]
    assert report["lava"] == "0.10.0"


@pytest.mark.lava
def test_supervisor_needs_no_lava(lava_python: Path) -> None:
    """The supervisor imports the standard library alone: it must not fail or hang with Lava."""
    code = (
        "import sys; before = set(sys.modules); import spear_deploy_lava.cli;"
        "print({m.partition('.')[0] for m in set(sys.modules) - before} - sys.stdlib_module_names)"
    )
    command = [*ENVIRONMENT.command()[:-2], "-c", code]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == "{'spear_deploy_lava'}"


def test_a_home_that_cannot_be_written(tmp_path: Path, sources: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home below a file, or where the disk is full while installing, is E009 with the folder."""
    (tmp_path / "file").write_text("mine")
    monkeypatch.delenv("SPEAR_DEPLOY_LAVA_PYTHON", raising=False)
    monkeypatch.setenv("SPEAR_DEPLOY_HOME", str(tmp_path / "file" / "home"))
    with pytest.raises(InputError, match="E009.*file/home/backends/lava: cannot be written"):
        ENVIRONMENT.install()

    def fill(self: Environment, marker: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setenv("SPEAR_DEPLOY_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(Environment, "_write_marker", fill)
    monkeypatch.setattr(environment._Installer, "run", lambda self, title, command: None)
    with pytest.raises(InputError, match="E009.*No space left on device"):
        ENVIRONMENT.install()
    with pytest.raises(BackendError, match="E060"):
        ENVIRONMENT.python()
