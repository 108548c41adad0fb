"""The output folder of a deployment: what it may hold, and that it can be written."""

from __future__ import annotations

from collections.abc import Iterable
from os import PathLike, fspath
from pathlib import Path
from tempfile import TemporaryDirectory

from spear_deploy.deployment.bundle import MANIFEST, MODEL, PROGRAM, SAMPLES
from spear_deploy.errors import InputError
from spear_deploy.storage import is_file, writing

REPORT, PAGE, JOURNAL = "report.json", "report.html", "search.jsonl"
WEIGHTS = "search.weights"
"""Folder of what an interrupted run has trained; there is none once the bundle is written."""
_OURS = {PROGRAM, MODEL, SAMPLES, MANIFEST, REPORT, PAGE, JOURNAL}


def refuse_sources_inside(folder: Path, sources: Iterable[Path]) -> None:
    """Raise :class:`InputError` (E009) if a file that is read lies in the folder that is written."""
    for source in sources:
        if is_file(source) and source.resolve().parent == folder.resolve():
            message = f"{source.name} lies in it and would be overwritten"
            raise InputError.of("E009", folder, message, "choose another folder")


def as_folder(path: object) -> Path:
    """Return the path of an output folder; raise :class:`InputError` (E009) for what is no path."""
    if not isinstance(path, str | PathLike):
        raise InputError.of("E009", "output", f"{type(path).__name__} is no path", "give the path of a folder")
    if "\0" in fspath(path):
        raise InputError.of("E009", "output", f"{path!r} holds a null character", "give the path of a folder")
    return Path(path)


def refuse_folder(folder: Path) -> None:
    """Raise :class:`InputError` (E009) for a folder that cannot be written, or holds other files than a run's."""
    with writing(folder):
        if folder.is_symlink() and not folder.exists():
            raise InputError.of("E009", folder, "is a link that leads nowhere", "choose another folder")
        parent = next(each for each in (folder, *folder.absolute().parents) if each.exists())
        with TemporaryDirectory(prefix=".spear-deploy", dir=parent):
            pass
        held = {item.name for item in folder.iterdir()} if folder.exists() else set()
        folders = sorted(name for name in held & _OURS if (folder / name).is_dir())
        if _is_weights(folder / WEIGHTS):
            held.discard(WEIGHTS)
        held -= {name for name in held if name.startswith(".") and name.endswith((".part", ".spear-deploy"))}
        foreign = sorted(held - _OURS) or folders or (sorted(held) if not held & {MANIFEST, JOURNAL} else [])
    if foreign:
        message = f"holds files that no deployment left there ({', '.join(foreign[:3])})"
        raise InputError.of("E009", folder, message, "choose an empty folder")


def _is_weights(folder: Path) -> bool:
    """Say whether a folder holds nothing but what a run puts there."""
    return (
        folder.is_dir()
        and not folder.is_symlink()
        and all(item.suffix in (".npz", ".part") for item in folder.iterdir())
    )


def clear_weights(folder: Path) -> None:
    """Remove the checkpoints of a run that is done; raises :class:`InputError`, E009."""
    weights = folder / WEIGHTS
    with writing(weights):
        if _is_weights(weights):
            for item in weights.iterdir():
                item.unlink()
            weights.rmdir()


def clear_leftovers(folder: Path) -> None:
    """Make the folder if need be, and remove what a run that was killed had begun to write.

    Raises as :func:`refuse_folder`.
    """
    refuse_folder(folder)
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for item in folder.glob(".*.part"):
            item.unlink()


def clear_results(folder: Path) -> None:
    """Remove an earlier run's bundle and report, once there are new ones to write; raises :class:`InputError`, E009."""
    with writing(folder):
        for name in (MANIFEST, PROGRAM, MODEL, SAMPLES, REPORT, PAGE):
            (folder / name).unlink(missing_ok=True)
