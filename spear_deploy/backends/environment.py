"""The Python environments of backends: where they are, how they are made, whether they are up to date.

A backend's environment is a virtual environment in ``$SPEAR_DEPLOY_HOME/backends/NAME`` (by default
``~/.local/share/spear-deploy/backends/NAME``)::

    venv/            the environment, made at its final path because it contains that path
    installed.json   hashes of what it was made from; written last, so without it nothing is installed
    install.log      output of the last installation
    install.lock     held during an installation

``$SPEAR_DEPLOY_NAME_PYTHON`` names a Python to use instead of the one in the environment NAME.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from spear_deploy.backends.pythons import find_python
from spear_deploy.errors import BackendError, SpearError
from spear_deploy.resources import resource
from spear_deploy.scratch import scratch
from spear_deploy.storage import writing

_LOG_TAIL = 15
"""Lines of the installer's output that an error quotes."""
_CHECK_LIMIT = 300.0
"""Seconds after which a check is ended that has not ended itself."""
_LOCK_LIMIT = 900.0
"""Seconds to wait for another installation of the same backend."""

Report = Callable[[str], None]
"""Called with a line of text for each step of an installation."""


def home() -> Path:
    """Return the folder that holds everything this tool installs."""
    configured = os.environ.get("SPEAR_DEPLOY_HOME")
    return Path(configured).expanduser().resolve() if configured else Path.home() / ".local/share/spear-deploy"


@dataclass(frozen=True)
class Marker:
    """The origin of an environment: hashes of its pins and of the backend's sources, and its extras."""

    pins: str
    sources: str
    python: str
    extras: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Extra:
    """Distributions that can be added to an environment, and the options of ``check`` that try them."""

    distributions: tuple[str, ...]
    check: tuple[str, ...] = ()


@dataclass(frozen=True)
class Environment:
    """An environment that runs a backend's distribution, ``backends/NAME``.

    ``module`` is run with ``check`` once it is installed.  ``unresolved`` are distributions installed without their
    dependencies and despite the Python versions that they declare; the ``extras`` bring more of that kind.
    """

    name: str
    module: str
    pythons: tuple[str, ...]
    unresolved: tuple[str, ...] = ()
    extras: Mapping[str, Extra] = field(default_factory=dict)

    @property
    def override(self) -> str:
        """Environment variable that names a Python to use instead."""
        return f"SPEAR_DEPLOY_{self.name.upper()}_PYTHON"

    @property
    def folder(self) -> Path:
        """The folder of the environment."""
        return home() / "backends" / self.name

    def python(self, extra: str | None = None) -> Path:
        """Return the interpreter.

        Raises :class:`BackendError` (E060) if the environment is missing, out of date or without the ``extra``.
        """
        if chosen := os.environ.get(self.override):
            return Path(chosen)
        marker = self._marker()
        wanted = extra or self.name
        if marker is None:
            raise _not_installed(wanted, f"there is no environment in {self.folder}")
        if (marker.pins, marker.sources) != self._hashes():
            raise _not_installed(wanted, f"the environment in {self.folder} was made from another version")
        if extra is not None and extra not in marker.extras:
            raise _not_installed(
                wanted, f"the environment in {self.folder} lacks {', '.join(self.extras[extra].distributions)}"
            )
        return self._interpreter

    def command(self, extra: str | None = None) -> list[str]:
        """Return the command that runs the backend: its Python, isolated from this one's settings.

        A Python chosen through the environment variable is run as it is, with PYTHONPATH.
        Raises as :meth:`python`.
        """
        isolation = [] if os.environ.get(self.override) else ["-I"]
        return [str(self.python(extra)), *isolation, "-m", self.module]

    def install(self, report: Report | None = None, extra: str | None = None) -> Path:
        """Make or update the environment, with an ``extra`` if one is named; return its interpreter.

        Does nothing if it is up to date, and only replaces the backend's own distribution if just that changed.

        Raises :class:`BackendError` (E063) if no suitable Python is found, a package cannot be installed,
        or the check of the result fails; :class:`InputError` (E009) if its folder cannot be written.
        """
        report = report or (lambda line: None)
        with writing(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            return self._install(report, extra)

    def _install(self, report: Report, extra: str | None) -> Path:
        with _lock(self.folder / "install.lock", self.name):
            marker, (pins, sources) = self._marker(), self._hashes()
            kept = marker.extras if marker is not None else []
            wanted = [*kept, extra] if extra is not None and extra not in kept else kept
            is_current = marker is not None and (marker.pins, marker.sources) == (pins, sources)
            if marker is not None and is_current and set(wanted) <= set(marker.extras):
                report("up to date")
                return self._interpreter
            (self.folder / "installed.json").unlink(missing_ok=True)
            (self.folder / "install.log").unlink(missing_ok=True)
            installer = _Installer(self.folder / "install.log", self.name, report)
            made = self._update(marker, installer, pins, sources)
            for name in wanted:
                if name not in made.extras:
                    distributions = self.extras[name].distributions
                    installer.run(
                        f"installing {' '.join(distributions)}", self._pip_without_dependencies(distributions)
                    )
                    made = replace(made, extras=[*made.extras, name])
            checked = self.extras[extra].check if extra is not None else ()
            installer.run("checking it", [str(self._interpreter), "-I", "-m", self.module, "check", *checked])
            self._write_marker(made)
        return self._interpreter

    def check(self, extra: str | None = None) -> dict[str, Any]:
        """Run the backend's check of itself, or of the ``extra``; return its report: ``ok``, ``message``, versions.

        Raises :class:`BackendError`: E060 if it is not installed, E061 if the check says nothing, E062 if it hangs.
        """
        options = self.extras[extra].check if extra is not None else ()
        wanted = extra or self.name
        with scratch() as folder:
            command = [*self.command(extra), "check", *options, "--parent", str(os.getpid()), "--folder", str(folder)]
            try:
                finished = subprocess.run(
                    command,
                    stdin=subprocess.DEVNULL,
                    capture_output=True,
                    text=True,
                    check=False,
                    timeout=_CHECK_LIMIT,
                )
            except OSError as error:
                message = f"cannot start {command[0]}: {error.strerror}"
                raise BackendError.of("E060", wanted, message, _reinstall(wanted)) from error
            except subprocess.TimeoutExpired as error:
                message = f"the check did not end within {_CHECK_LIMIT:.0f} s"
                raise BackendError.of("E062", wanted, message, "run it again") from error
        try:
            report: dict[str, Any] = json.loads(finished.stdout)
        except ValueError as error:
            message = (finished.stderr.strip() or f"exit status {finished.returncode}").splitlines()[-1]
            raise BackendError.of("E061", wanted, f"the check did not run: {message}", _reinstall(wanted)) from error
        return report

    @property
    def _interpreter(self) -> Path:
        return self.folder / "venv" / "bin" / "python"

    @property
    def _source(self) -> Path:
        """Folder of the backend's distribution."""
        try:
            return resource(f"backends/{self.name}/pyproject.toml").parent
        except SpearError as error:
            fix = "install spear-deploy again"
            raise BackendError.of("E063", self.name, "the backend's sources are missing", fix) from error

    def _hashes(self) -> tuple[str, str]:
        """Hash what decides on the other distributions, and what makes up the backend's own."""
        source = self._source
        pinned = [source / "pyproject.toml", source / "constraints.txt"]
        return _hash(source, pinned), _hash(source, sorted((source / "src").rglob("*.py")))

    def _marker(self) -> Marker | None:
        try:
            return Marker(**json.loads((self.folder / "installed.json").read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def _write_marker(self, marker: Marker) -> None:
        temporary = self.folder / "installed.json.part"
        temporary.write_text(json.dumps(asdict(marker)), encoding="utf-8")
        temporary.replace(self.folder / "installed.json")

    def _update(self, marker: Marker | None, installer: _Installer, pins: str, sources: str) -> Marker:
        """Replace the backend's own distribution if nothing else changed, else make the environment again."""
        if marker is None or marker.pins != pins:
            return Marker(pins, sources, self._make(installer))
        if marker.sources != sources:
            installer.run("updating the backend", self._pip("--no-deps", "--force-reinstall", str(self._source)))
        return replace(marker, sources=sources)

    def _make(self, installer: _Installer) -> str:
        """Make the environment; return the version of its Python."""
        found = find_python(self.pythons)
        if found is None:
            fix = f"install one of them, with its venv module, so that python{self.pythons[0]} runs"
            message = f"no working Python {' or '.join(self.pythons)} was found"
            raise BackendError.of("E063", self.name, message, fix)
        python, version = found
        shutil.rmtree(self.folder / "venv", ignore_errors=True)
        making = [str(python), "-m", "venv", str(self.folder / "venv")]
        installer.run(f"making an environment with Python {version}", making)
        constrained = ("--constraint", str(self._source / "constraints.txt"))
        installer.run("installing the backend and its dependencies", self._pip(*constrained, str(self._source)))
        if self.unresolved:
            installer.run(f"installing {' '.join(self.unresolved)}", self._pip_without_dependencies(self.unresolved))
        return version

    def _pip_without_dependencies(self, distributions: tuple[str, ...]) -> list[str]:
        constrained = ("--constraint", str(self._source / "constraints.txt"))
        return self._pip("--no-deps", "--ignore-requires-python", *constrained, *distributions)

    def _pip(self, *arguments: str) -> list[str]:
        options = ("--disable-pip-version-check", "--no-input", "--retries", "0")
        return [str(self._interpreter), "-I", "-m", "pip", "install", *options, *arguments]


def _hash(root: Path, files: list[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.relative_to(root)}\0{file.stat().st_size}\0".encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()


@dataclass(frozen=True)
class _Installer:
    """Runs commands with their output in a log, whose end is quoted when one fails."""

    log: Path
    name: str
    report: Report

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
                raise BackendError.of("E063", self.name, f"{title}: {error}") from error
        if finished.returncode != 0:
            lines = self.log.read_bytes()[begin:].decode(errors="replace").splitlines()[-_LOG_TAIL:]
            message = "\n".join([f"{title} failed (exit status {finished.returncode}):", *lines])
            raise BackendError.of("E063", self.name, message, f"the full output is in {self.log}")


@contextmanager
def _lock(path: Path, name: str) -> Iterator[None]:
    """Hold the lock ``path``; the kernel releases it if this process dies."""
    deadline = time.monotonic() + _LOCK_LIMIT
    with path.open("w") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise BackendError.of("E063", name, f"another installation holds {path}") from None
                time.sleep(0.2)
        yield


def _not_installed(name: str, reason: str) -> SpearError:
    return BackendError.of("E060", name, reason, _reinstall(name))


def _reinstall(name: str) -> str:
    return f"run: spear-deploy backend install {name}"
