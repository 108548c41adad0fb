"""Folders with one folder per class: ``CLASS/FILE``, or ``train/CLASS/FILE`` and ``test/CLASS/FILE``."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from spear_deploy.data.labels import class_notes
from spear_deploy.errors import Finding, InputError
from spear_deploy.storage import is_file, is_folder
from spear_deploy.untrusted import believed

_PARTS = ("train", "test")
_SHOWN = 3
"""Most files that a finding names; the rest are counted."""

_T = TypeVar("_T")


@dataclass(frozen=True)
class Tree:
    """The files of a folder in their order: by part, class and name.

    ``parts`` holds the files and classes of ``train`` and ``test``, or of all under the empty name; a label is the
    place of a class among ``classes``, which are sorted as text.  ``other`` counts files that are not read.
    """

    folder: Path
    classes: tuple[str, ...]
    parts: dict[str, list[tuple[Path, str]]]
    other: int

    @property
    def files(self) -> list[Path]:
        """All files, in order."""
        return [file for part in self.parts.values() for file, _ in part]

    def arrays(self, x: NDArray[np.generic]) -> dict[str, NDArray[np.generic]]:
        """Return samples (N, ...) of all files, and their labels, by the names of a file of arrays."""
        named, start = {}, 0
        for part, members in self.parts.items():
            suffix = f"_{part}" if part else ""
            named[f"x{suffix}"] = x[start : start + len(members)]
            named[f"y{suffix}"] = self.labels(part)
            start += len(members)
        return named

    def labels(self, part: str) -> NDArray[np.int64]:
        """Return the labels of a part's files."""
        return np.array([self.classes.index(name) for _, name in self.parts[part]], np.int64)

    def notes(self, read: str) -> Iterator[Finding]:
        """Yield notes on how the folder was ``read`` (N006), and what is unusual about it (N009)."""
        other = f"; {self.other} other files are not read" if self.other else ""
        yield Finding("N006", str(self.folder), f"{len(self.files)} {read}{other}", severity="note")
        yield from class_notes(self.classes, str(self.folder))


def holds(folder: Path, suffixes: tuple[str, ...]) -> bool:
    """Whether a folder has files with these suffixes where :func:`scan` looks for them."""
    if not is_folder(folder):
        return False
    return any(_suffixed(path, suffixes) for path in _walk(folder, 3))


def scan(folder: Path, suffixes: tuple[str, ...]) -> Tree:
    """Return the files of these suffixes; raise :class:`InputError` (E005) for another layout, with all findings."""
    within = {name.lower(): folder / name for name in _subfolders(folder)}
    roots = {part: within[part] for part in _PARTS if part in within}
    errors = []
    if roots and len(within) > len(roots):
        others = ", ".join(sorted(set(within) - set(roots)))
        message = f"train and test are beside other folders: {others}"
        errors.append(Finding("E005", str(folder), message, "keep train and test alone, or neither"))
    elif len(roots) == 1:
        message = f"there is {next(iter(roots))} without {'test' if 'train' in roots else 'train'}"
        errors.append(Finding("E005", str(folder), message, "give both, or the classes' folders themselves"))
    roots = roots or {"": folder}
    found = {part: list(_members(root, suffixes)) for part, root in roots.items()}
    for part, members in found.items():
        if not members:
            message = f"holds no CLASS/*{'|*'.join(suffixes)}"
            errors.append(Finding("E005", str(roots[part]), message, "put each sample in a folder of its class's name"))
    if errors:
        raise InputError(errors)
    classes = tuple(sorted({name for members in found.values() for _, name in members}))
    total = sum(1 for path in _walk(folder, 4) if path.is_file())
    return Tree(folder, classes, found, total - sum(map(len, found.values())))


class UnreadableFileError(Exception):
    """Why a file of a folder cannot be used."""


def read_each(tree: Tree, read: Callable[[Path], _T], failure: str, fix: str) -> tuple[dict[Path, _T], list[Finding]]:
    """Return the results of ``read`` for all files, and a finding (E005) on those for which it raises.

    It may raise :class:`UnreadableFileError` or :class:`OSError`; ``failure`` says what that means: "images are
    damaged".
    """
    made: dict[Path, _T] = {}
    bad: dict[Path, str] = {}
    for file in tree.files:
        try:
            made[file] = read(file)
        except (UnreadableFileError, OSError) as error:
            bad[file] = str(error)
    if not bad:
        return made, []
    message = f"{len(bad)} of {len(tree.files)} {failure}: {told([*bad], tree.folder, [*bad.values()])}"
    return made, [Finding("E005", str(tree.folder), message, fix)]


def beyond_belief(files: Iterable[Path], claimed: int) -> str:
    """Return the message if arrays of ``claimed`` bytes are larger than files of their size can hold, or ""."""
    most = believed(sum(file.stat().st_size for file in files))
    return f"{claimed} bytes; {most} are allowed" if claimed > most else ""


def told(files: list[Path], folder: Path, words: list[str] | None = None) -> str:
    """Return the first of some files, relative to ``folder``, each with its message, and the number of others."""
    shown = [str(file.relative_to(folder)) for file in files[:_SHOWN]]
    if words is not None:
        shown = [f"{file} ({word})" for file, word in zip(shown, words, strict=False)]
    more = f" and {len(files) - _SHOWN} more" if len(files) > _SHOWN else ""
    return ", ".join(shown) + more


def _subfolders(folder: Path) -> list[str]:
    with os.scandir(folder) as entries:
        return sorted(entry.name for entry in entries if entry.is_dir() and not entry.name.startswith("."))


def _members(root: Path, suffixes: tuple[str, ...]) -> Iterator[tuple[Path, str]]:
    for name in _subfolders(root):
        for file in sorted(file for file in (root / name).iterdir() if _suffixed(file, suffixes)):
            if is_file(file):
                yield file, name


def _suffixed(path: Path, suffixes: tuple[str, ...]) -> bool:
    return path.suffix.lower() in suffixes and not path.name.startswith(".")


def _walk(folder: Path, depth: int) -> Iterator[Path]:
    """Yield the contents of a folder down to a depth: files first, without hidden ones."""
    with os.scandir(folder) as entries:
        held = sorted((entry for entry in entries if not entry.name.startswith(".")), key=lambda entry: entry.name)
    yield from (Path(entry.path) for entry in held if not entry.is_dir())
    if depth > 1:
        for entry in held:
            if entry.is_dir():
                yield from _walk(Path(entry.path), depth - 1)
