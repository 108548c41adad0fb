"""The output folder of a deployment: what it may hold, and that it can be written."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

from spear_deploy.deployment.bundle import MANIFEST, MODEL, PROGRAM, SAMPLES
from spear_deploy.errors import InputError

REPORT, PAGE, JOURNAL = "report.json", "report.html", "search.jsonl"
_OURS = {PROGRAM, MODEL, SAMPLES, MANIFEST, REPORT, PAGE, JOURNAL}


def refuse_sources_inside(folder: Path, sources: Iterable[Path]) -> None:
    """Raise :class:`InputError` (E009) if a file that is read lies in the folder that is written."""
    for source in sources:
        if source.is_file() and source.resolve().parent == folder.resolve():
            message = f"{source.name} lies in it and would be overwritten"
            raise InputError.of("E009", folder, message, "choose another -o")


def refuse_folder(folder: Path) -> None:
    """Raise :class:`InputError` (E009) for a folder that cannot be written, or holds other files than a run's."""
    try:
        parent = next(each for each in (folder, *folder.absolute().parents) if each.exists())
        with TemporaryDirectory(prefix=".spear-deploy", dir=parent):
            pass
        held = {item.name for item in folder.iterdir()} if folder.exists() else set()
        held -= {name for name in held if name.startswith(".") and name.endswith((".part", ".spear-deploy"))}
        foreign = sorted(held - _OURS) or (sorted(held) if not held & {MANIFEST, JOURNAL} else [])
    except OSError as error:
        raise InputError.of("E009", folder, f"cannot be written: {error.strerror}", "choose another -o") from error
    if foreign:
        message = f"holds files that no deployment left there ({', '.join(foreign[:3])})"
        raise InputError.of("E009", folder, message, "choose an empty folder")


def claim_folder(folder: Path, *, resume: bool) -> None:
    """Make the output folder; without ``resume`` an earlier run's files are removed.

    Raises as :func:`refuse_folder`.
    """
    refuse_folder(folder)
    folder.mkdir(parents=True, exist_ok=True)
    leftovers = list(folder.glob(".*.part"))  # of a run that was killed while it wrote
    held = [folder / name for name in _OURS if (folder / name).exists()]
    for item in leftovers if resume else [*leftovers, *held]:
        item.unlink()
