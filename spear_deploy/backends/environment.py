"""The Python environments of backends: where they are, how they are made, whether they are up to date.

A backend's environment is a virtual environment in ``$SPEAR_DEPLOY_HOME/backends/NAME`` (by default
``~/.local/share/spear-deploy/backends/NAME``)::

    venv/            the environment, made at its final path because it contains that path
    installed.json   hashes of what it was made from; written last, so without it nothing is installed
    install.log      output of the last installation
    install.lock     held during an installation

``$SPEAR_DEPLOY_LAVA_PYTHON`` names a Python to use instead of the one in the Lava environment.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from spear_deploy.errors import BackendError, SpearError

_PACKAGE = Path(__file__).resolve().parents[1]
_LOG_TAIL = 15
"""Lines of the installer's output that an error quotes."""
_LOCK_LIMIT = 900.0
"""Seconds to wait for another installation of the same backend."""
_PROBE = "import ensurepip, sys, venv; print('%d.%d' % sys.version_info[:2])"

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Backend:
    """What there is to know about a backend to install it.

    ``module`` is run with ``check``.  ``unresolved`` are distributions installed without their
    dependencies and despite the Python versions that they declare.
    """

    name: str
    module: str
    pythons: tuple[str, ...]
    unresolved: tuple[str, ...]

    @property
    def override(self) -> str:
        """Environment variable that names a Python to use instead."""
        return f"SPEAR_DEPLOY_{self.name.upper()}_PYTHON"


BACKENDS = {
    "lava": Backend(name="lava", module="spear_deploy_lava", pythons=("3.10", "3.11", "3.12"), unresolved=("lava-nc",))
}
"""Backends that live in an environment of their own."""


@dataclass(frozen=True)
class Marker:
    """What an environment was made from: hashes of the pinned versions and of the backend's sources."""

    pins: str
    sources: str
    python: str


def home() -> Path:
    """Return the folder that holds everything this tool installs."""
    configured = os.environ.get("SPEAR_DEPLOY_HOME")
    return Path(configured).expanduser().resolve() if configured else Path.home() / ".local/share/spear-deploy"


def python_of(name: str) -> Path:
    """Return the Python interpreter of backend ``name``.

    Raises :class:`BackendError` (E060) if the environment is missing or out of date.
    """
    backend = _backend(name)
    if chosen := os.environ.get(backend.override):
        return Path(chosen)
    folder = _folder(backend)
    marker = _read_marker(folder)
    if marker is None:
        raise _not_installed(backend, f"there is no environment in {folder}")
    if (marker.pins, marker.sources) != _hashes(_source(backend)):
        raise _not_installed(backend, f"the environment in {folder} was made from another version")
    return _python_in(folder)


def command_of(name: str) -> list[str]:
    """Return the command that runs backend ``name``: its Python, isolated from this one's settings.

    A Python chosen through the environment variable is run as it is, with PYTHONPATH.
    Raises as :func:`python_of`.
    """
    backend = _backend(name)
    isolation = [] if os.environ.get(backend.override) else ["-I"]
    return [str(python_of(name)), *isolation, "-m", backend.module]


def install(name: str, progress: Progress | None = None) -> Path:
    """Make or update the environment of backend ``name``; return its interpreter.

    Does nothing if it is up to date, and only replaces the backend's own distribution if just that
    changed.  ``progress`` is called with a line of text for each step.

    Raises :class:`BackendError` (E063) if no suitable Python is found, a package cannot be installed,
    or the check of the result fails.
    """
    backend = _backend(name)
    report = progress or (lambda line: None)
    source = _source(backend)
    folder = _folder(backend)
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder / "install.lock", backend):
        pins, sources = _hashes(source)
        marker = _read_marker(folder)
        if marker is not None and (marker.pins, marker.sources) == (pins, sources):
            report("up to date")
            return _python_in(folder)
        (folder / "installed.json").unlink(missing_ok=True)
        (folder / "install.log").unlink(missing_ok=True)
        installer = _Installer(folder / "install.log", backend, report)
        if marker is not None and marker.pins == pins:
            version = marker.python
            installer.run("updating the backend", _pip(folder, "--no-deps", "--force-reinstall", str(source)))
        else:
            version = _make(backend, source, folder, installer)
        installer.run("checking it", [str(_python_in(folder)), "-I", "-m", backend.module, "check"])
        _write_marker(folder, Marker(pins, sources, version))
    return _python_in(folder)


def check(name: str) -> dict[str, Any]:
    """Run the backend's check of itself; return its report (``ok``, ``message`` and versions).

    Raises :class:`BackendError`: E060 if it is not installed, E061 if the check says nothing.
    """
    command = [*command_of(name), "check", "--parent", str(os.getpid())]
    try:
        finished = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    except OSError as error:
        raise BackendError.of("E060", name, f"cannot start {command[0]}: {error.strerror}", _reinstall(name)) from error
    try:
        report: dict[str, Any] = json.loads(finished.stdout)
    except ValueError as error:
        message = (finished.stderr.strip() or f"exit status {finished.returncode}").splitlines()[-1]
        raise BackendError.of("E061", name, f"the check did not run: {message}", _reinstall(name)) from error
    return report


def find_python(versions: tuple[str, ...]) -> tuple[Path, str] | None:
    """Return a Python that can make virtual environments, and its version: the first of ``versions`` there is.

    A command of the right name may be a stub that fails (pyenv has such), so every candidate is run.
    """
    for version in versions:
        named = (Path(folder, f"python{version}") for folder in os.get_exec_path())
        for candidate in (*filter(Path.is_file, named), Path(sys.executable)):
            if _version_of(candidate) == version:
                return candidate, version
    return None


def _backend(name: str) -> Backend:
    if name not in BACKENDS:
        raise BackendError.of("E008", name, "no backend of this name", f"choose one of: {', '.join(BACKENDS)}")
    return BACKENDS[name]


def _folder(backend: Backend) -> Path:
    return home() / "backends" / backend.name


def _python_in(folder: Path) -> Path:
    return folder / "venv" / "bin" / "python"


def _source(backend: Backend) -> Path:
    """Folder of the backend's distribution: package data if installed from a wheel, else beside the package."""
    candidates = (_PACKAGE / "_data" / "backends" / backend.name, _PACKAGE.parent / "backends" / backend.name)
    for candidate in candidates:
        if (candidate / "pyproject.toml").is_file():
            return candidate
    raise BackendError.of("E063", backend.name, "the backend's sources are missing", "install spear-deploy again")


def _hashes(source: Path) -> tuple[str, str]:
    """Hash what decides on the other distributions, and what makes up the backend's own."""
    pinned = [source / "pyproject.toml", source / "constraints.txt"]
    return _hash(source, pinned), _hash(source, sorted((source / "src").rglob("*.py")))


def _hash(root: Path, files: list[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.relative_to(root)}\0{file.stat().st_size}\0".encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _read_marker(folder: Path) -> Marker | None:
    try:
        return Marker(**json.loads((folder / "installed.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _write_marker(folder: Path, marker: Marker) -> None:
    temporary = folder / "installed.json.part"
    temporary.write_text(json.dumps(asdict(marker)), encoding="utf-8")
    temporary.replace(folder / "installed.json")


def _make(backend: Backend, source: Path, folder: Path, installer: _Installer) -> str:
    """Make the environment; return the version of its Python."""
    found = find_python(backend.pythons)
    if found is None:
        raise BackendError.of(
            "E063",
            backend.name,
            f"no working Python {' or '.join(backend.pythons)} was found",
            f"install one of them, with its venv module, so that python{backend.pythons[0]} runs",
        )
    python, version = found
    shutil.rmtree(folder / "venv", ignore_errors=True)
    installer.run(f"making an environment with Python {version}", [str(python), "-m", "venv", str(folder / "venv")])
    constrained = ("--constraint", str(source / "constraints.txt"))
    installer.run("installing the backend and its dependencies", _pip(folder, *constrained, str(source)))
    unchecked = ("--no-deps", "--ignore-requires-python", *constrained)
    installer.run(f"installing {' '.join(backend.unresolved)}", _pip(folder, *unchecked, *backend.unresolved))
    return version


def _pip(folder: Path, *arguments: str) -> list[str]:
    options = ("--disable-pip-version-check", "--no-input", "--retries", "0")
    return [str(_python_in(folder)), "-I", "-m", "pip", "install", *options, *arguments]


@dataclass(frozen=True)
class _Installer:
    """Runs commands with their output in a log, whose end is quoted when one fails."""

    log: Path
    backend: Backend
    report: Progress

    def run(self, title: str, command: list[str]) -> None:
        """Run one step of an installation; raises E063 if it fails."""
        self.report(title)
        with self.log.open("ab") as log:
            begin = log.tell()
            try:
                finished = subprocess.run(
                    command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, check=False
                )
            except OSError as error:
                raise BackendError.of("E063", self.backend.name, f"{title}: {error}") from error
        if finished.returncode != 0:
            lines = self.log.read_bytes()[begin:].decode(errors="replace").splitlines()[-_LOG_TAIL:]
            message = "\n".join([f"{title} failed (exit status {finished.returncode}):", *lines])
            raise BackendError.of("E063", self.backend.name, message, f"the full output is in {self.log}")


def _version_of(python: Path) -> str | None:
    try:
        finished = subprocess.run(
            [str(python), "-I", "-c", _PROBE],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=20,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return finished.stdout.strip() if finished.returncode == 0 else None


@contextmanager
def _locked(path: Path, backend: Backend) -> Iterator[None]:
    """Hold the lock ``path``; the kernel releases it if this process dies."""
    deadline = time.monotonic() + _LOCK_LIMIT
    with path.open("w") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise BackendError.of("E063", backend.name, f"another installation holds {path}") from None
                time.sleep(0.2)
        yield


def _not_installed(backend: Backend, reason: str) -> SpearError:
    return BackendError.of("E060", backend.name, reason, _reinstall(backend.name))


def _reinstall(name: str) -> str:
    return f"run: spear-deploy backend install {name}"
