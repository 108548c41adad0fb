"""The node's side of a piece of work: carry it out in its own process, and return its files as bytes."""

from __future__ import annotations

import hashlib
import pickle
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import spear_deploy
from spear_deploy.errors import BackendError, Finding, SpearError
from spear_deploy.parallel import Lost, Tell, run_apart
from spear_deploy.scratch import scratch
from spear_deploy.versions import versions

Versions = Mapping[str, str]
Files = Mapping[str, bytes]
"""Contents by paths within a folder."""

SOURCES = "sources of spear-deploy"
"""What the digest of this tool's sources is called among the versions."""

BEGUN, TOLD = "begun", "told"
"""What a node says of a piece: its own name, before all else, and what the piece tells."""
_TICK = 0.2
"""Seconds between two looks at whether there is room."""


@dataclass(frozen=True, eq=False)
class Sent:
    """What is sent to a node for one piece, besides what is shared; its files are those left by an earlier run."""

    name: str
    work: Callable[[Any, Any, Path, Tell], Any]
    value: Any
    files: Files
    memory: int
    versions: Versions


@dataclass(frozen=True, eq=False)
class Returned:
    """The outcome of a piece: its result and files, or the error that it raised."""

    result: Any = None
    files: Files | None = None
    error: BaseException | None = None


def carry_out_here(sent: Sent, shared: bytes, node: str, tell: Tell, wanted: Callable[[], bool]) -> Returned:
    """Carry out a piece on this ``node``, whose name appears in errors; end it once it is not ``wanted``.

    ``shared`` is what was pickled for all nodes; it is opened in the piece's process, which ends with it.
    """
    if (refused := other_versions({node: versions_here()}, sent.versions)) is not None:
        return Returned(error=refused)
    with scratch() as place:
        folder = place / sent.name
        write_files(folder, sent.files)
        try:
            result = run_apart(_work, (sent, shared, folder), heard=tell, wanted=wanted)
        except SpearError as error:
            if any(finding.code == "E019" for finding in error.findings):  # another node may have more
                return Returned(Lost(f"too little memory on {node}: {error.findings[0].message}"), {})
            return Returned(error=type(error)(replace(each, where=f"{node}: {each.where}") for each in error.findings))
        except Exception as error:
            return Returned(error=error)
        if isinstance(result, Lost):
            return Returned(Lost(f"{result.how} on {node}"), {})
        return Returned(result, read_files(folder))


def _work(item: tuple[Sent, bytes, Path], tell: Tell) -> Any:
    sent, shared, folder = item
    return sent.work(pickle.loads(shared), sent.value, folder, tell)


def read_files(folder: Path) -> dict[str, bytes]:
    """Return the files of a folder and of those within; none where it is not there."""
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def write_files(folder: Path, files: Files) -> None:
    """Write files into a new folder; raise :class:`ValueError` for a path that leads out of it."""
    folder.mkdir(parents=True)
    for name, content in files.items():
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise ValueError(f"a path that leads out of its folder: {name!r}")
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def versions_here() -> dict[str, str]:
    """Return what results depend on: versions, and a digest of this tool's sources, since checkouts may share one."""
    sources = hashlib.sha256()
    folder = Path(spear_deploy.__file__).parent
    for path in sorted(folder.rglob("*.py")):
        sources.update(f"{path.relative_to(folder).as_posix()}\0".encode() + path.read_bytes())
    return {**versions(), SOURCES: sources.hexdigest()[:12]}


def asking_versions() -> Callable[[], dict[str, str]]:
    """Return a function that returns :func:`versions_here`, or what it can of it where this tool is another.

    It is one that goes by value, since a node may lack this module.
    """

    def found() -> dict[str, str]:
        import platform

        try:
            from spear_deploy.clusters.node import versions_here
        except ImportError:
            pass
        else:
            return versions_here()
        try:
            from spear_deploy.versions import versions
        except ImportError:
            return {"python": platform.python_version()}
        return versions()

    return found


def other_versions(found: Mapping[str, Versions], wanted: Versions) -> SpearError | None:
    """Return the error (E069) for nodes with other versions than those that are ``wanted``, all at once, or None."""
    findings = []
    for node, there in found.items():
        differing = [name for name in {**wanted, **there} if there.get(name) != wanted.get(name)]
        if not differing:
            continue
        has = ", ".join(f"{name} {there.get(name, 'not installed')}" for name in differing)
        here = ", ".join(f"{name} {wanted.get(name, 'not installed')}" for name in differing)
        pinned = [name for name in differing if name in wanted and name not in ("python", "spear-deploy", SOURCES)]
        pins = " ".join(f"{name}=={wanted[name].partition('+')[0]}" for name in pinned)
        mends = [f"start the node with Python {wanted['python']}"] if "python" in differing else []
        mends += ["install there the spear-deploy that is here"] if {"spear-deploy", SOURCES} & {*differing} else []
        mends += [f"pip install {pins} there"] if pins else []
        message = f"has {has}; here it is {here}: results would differ"
        findings.append(Finding("E069", node, message, ", and ".join(mends) or "take the same environment on both"))
    return BackendError(findings) if findings else None


class Room:
    """Memory that the pieces of one process share: each waits until there is room for it."""

    def __init__(self) -> None:
        self._taken = 0
        self._lock = threading.Lock()

    @contextmanager
    def taken(self, size: int, limit: int | None, wanted: Callable[[], bool]) -> Iterator[None]:
        """Take ``size`` bytes of ``limit`` while the block runs, if need be after others; one piece has room always."""
        while not (took := self._take(size, limit)) and wanted():
            time.sleep(_TICK)
        try:
            yield
        finally:
            with self._lock:
                self._taken -= size * took

    def _take(self, size: int, limit: int | None) -> bool:
        with self._lock:
            if self._taken and limit is not None and self._taken + size > limit:
                return False
            self._taken += size
            return True
