"""The output folder of a deployment: what it may contain, its lock, and whether it can be written.

One run at a time locks the folder itself; the kernel releases the lock when the process ends, however it ends.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from os import PathLike, fspath
from pathlib import Path
from tempfile import TemporaryDirectory

from spear_deploy.deployment.bundle import MANIFEST, MODEL, PAGE, PROGRAM, REPORT, SAMPLES
from spear_deploy.deployment.options import PROJECT
from spear_deploy.errors import InputError
from spear_deploy.printable import plain
from spear_deploy.progress import Progress
from spear_deploy.storage import is_file, is_folder, real_path, writing

JOURNAL = "search.jsonl"
WEIGHTS = "search.weights"
"""Folder of checkpoints of an interrupted run; removed once the bundle is written."""
_OURS = {PROGRAM, MODEL, SAMPLES, MANIFEST, REPORT, PAGE, JOURNAL, PROJECT}


def refuse_sources_inside(folder: Path, sources: Iterable[Path]) -> None:
    """Raise :class:`InputError` (E009) if an input file is inside the output folder."""
    for source in sources:
        if is_file(source) and real_path(source).parent == real_path(folder):
            message = f"{source.name} is in it and would be overwritten"
            raise InputError.of("E009", folder, message, "choose another folder")


def as_folder(path: object) -> Path:
    """Return an output folder as a path; raise :class:`InputError` (E009) for other values."""
    if not isinstance(path, str | PathLike):
        raise InputError.of("E009", "output", f"{type(path).__name__} is not a path", "give the path of a folder")
    if "\0" in fspath(path):
        raise InputError.of("E009", "output", f"{path!r} holds a null character", "give the path of a folder")
    return Path(path)


@contextmanager
def held_folder(folder: Path) -> Iterator[None]:
    """Lock a folder while the block runs; remove it afterwards if it was created here and is still empty.

    Raises :class:`InputError`: E017, with the process, if another run holds it; E009 if it cannot be created.
    """
    with writing(folder):
        made = [each for each in (folder, *folder.absolute().parents) if not each.exists()]
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        _lock(folder, descriptor)
        yield
    finally:
        os.close(descriptor)
        _remove_empty(made)


def _lock(folder: Path, descriptor: int) -> None:
    with writing(folder):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            message = f"another run writes it: {_holder(os.fstat(descriptor).st_ino)}"
            raise InputError.of("E017", folder, message, "wait for it, or choose another folder") from error


def _holder(inode: int) -> str:
    """Name the process that locks the file of this inode, where the system tells (Linux)."""
    try:
        locks = [line.split() for line in Path("/proc/locks").read_text(encoding="ascii").splitlines()]
        pid = next(fields[4] for fields in locks if fields[1] == "FLOCK" and fields[5].endswith(f":{inode}"))
        command = Path("/proc", pid, "cmdline").read_text(encoding="utf-8", errors="replace").split("\0")
        return f"process {pid}, {plain(' '.join(command).strip())}"
    except (OSError, StopIteration, IndexError):
        return "a process that the system does not name"


def _remove_empty(folders: Iterable[Path]) -> None:
    for folder in folders:
        try:
            folder.rmdir()
        except OSError:  # something is in it
            return


def take_over(folder: Path, progress: Progress, *, resume: bool) -> None:
    """Announce the bundle of a failed run that will be replaced; raise as :func:`refuse_earlier`."""
    if lacking := refuse_earlier(folder, resume=resume):
        progress.say(f"{plain(folder)} holds the bundle of an earlier run, which {lacking}: it is replaced")


def refuse_earlier(folder: Path, *, resume: bool) -> str:
    """Raise :class:`InputError` (E018) if an earlier run's result or journal would be lost by a run or a copy.

    The bundle of a run that did not succeed may be replaced: its :func:`shortfall` is returned.
    """
    has_journal, lacking = is_file(folder / JOURNAL), shortfall(folder)
    if (resume and has_journal) or lacking:
        return lacking
    if _is_finished(folder):
        fix = "--force replaces it (from Python: force=True), or choose another folder"
        raise InputError.of("E018", folder, "holds the bundle of an earlier run", fix)
    if has_journal:
        fix = "--resume continues it, --force starts over (from Python: resume=True, force=True)"
        raise InputError.of("E018", folder, "holds a run that was interrupted", fix)
    return ""


def shortfall(folder: Path) -> str:
    """Return why the finished run of a folder was no success (a phrase after "it"), or "".

    A report that cannot be read counts as a success: its bundle is kept.
    """
    if not _is_finished(folder):
        return ""
    try:
        report = json.loads((folder / REPORT).read_text(encoding="utf-8"))
        missed = [budget["title"] for budget in report["budgets"] if not budget["within"]]
        check, failure = report["validation"], report["failure"]
        if check is not None and check["mismatches"]:
            return f"was contradicted by {plain(check['backend'])}"
        if missed:
            return f"missed its budget of {plain(' and '.join(missed))}"
        return "" if failure is None else f"was not proven ({plain(failure.splitlines()[0])})"
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return ""


def _is_finished(folder: Path) -> bool:
    """Whether the last run into a folder has finished: a run started since then has checkpoints there."""
    is_begun = is_file(folder / JOURNAL) and is_folder(folder / WEIGHTS)
    return not is_begun and all(is_file(folder / name) for name in (MANIFEST, REPORT, PAGE))


def with_what_is_kept(error: InputError, folder: Path) -> InputError:
    """Return an error of writing (E009) with the fix to resume, if a journal is kept."""
    if not is_file(folder / JOURNAL):
        return error
    kept = f"; {folder / JOURNAL} keeps what was found: the same command with --resume continues"
    return type(error)(replace(each, fix=each.fix + kept) if each.code == "E009" else each for each in error.findings)


def refuse_folder(folder: Path) -> None:
    """Raise :class:`InputError` (E009) for a folder that cannot be written, or has files that no run wrote."""
    with writing(folder):
        if folder.is_symlink() and not folder.exists():
            raise InputError.of("E009", folder, "is a dead link", "choose another folder")
        parent = next(each for each in (folder, *folder.absolute().parents) if each.exists())
        with TemporaryDirectory(prefix=".spear-deploy", dir=parent):
            pass
        held = {item.name for item in folder.iterdir()} if folder.exists() else set()
        folders = sorted(name for name in held & _OURS if (folder / name).is_dir())
        if _is_weights(folder / WEIGHTS):
            held.discard(WEIGHTS)
        held -= {name for name in held if name.startswith(".") and name.endswith((".part", ".spear-deploy"))}
        is_ours = bool(held & {MANIFEST, JOURNAL}) or _is_report_alone(folder, held)
        foreign = sorted(held - _OURS) or folders or (sorted(held) if not is_ours else [])
    if foreign:
        message = f"holds files that no deployment left there ({', '.join(foreign[:3])})"
        raise InputError.of("E009", folder, message, "choose an empty folder")


def _is_report_alone(folder: Path, held: set[str]) -> bool:
    """Whether a folder has only what a run with an unreachable budget leaves."""
    try:
        report = json.loads((folder / REPORT).read_text(encoding="utf-8"))
        return held <= {REPORT, PAGE, PROJECT} and "confidence" in report
    except (OSError, ValueError, TypeError):
        return False


def _is_weights(folder: Path) -> bool:
    """Whether a folder has only files of checkpoints."""
    return (
        folder.is_dir()
        and not folder.is_symlink()
        and all(item.suffix in (".npz", ".part") for item in folder.iterdir())
    )


def clear_weights(folder: Path) -> None:
    """Remove the checkpoints of a finished run; raises :class:`InputError`, E009."""
    weights = folder / WEIGHTS
    with writing(weights):
        if _is_weights(weights):
            for item in weights.iterdir():
                item.unlink()
            weights.rmdir()


def clear_leftovers(folder: Path) -> None:
    """Make the folder if necessary, and remove the half-written files of a killed run.

    Raises as :func:`refuse_folder`.
    """
    refuse_folder(folder)
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for item in folder.glob(".*.part"):
            shutil.rmtree(item) if item.is_dir() and not item.is_symlink() else item.unlink()


def clear_results(folder: Path) -> None:
    """Remove an earlier run's bundle and report before new ones are written; raises :class:`InputError`, E009."""
    with writing(folder):
        for name in (MANIFEST, PROGRAM, MODEL, SAMPLES, REPORT, PAGE, PROJECT):
            (folder / name).unlink(missing_ok=True)
