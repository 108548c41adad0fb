"""The folder of a sweep: which sweep it belongs to, which points are finished, and what is replaced."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spear_deploy.api.deploy import Request
from spear_deploy.api.settings import Settings
from spear_deploy.deployment.bundle import PAGE, REPORT
from spear_deploy.deployment.options import PROJECT, SWEEP, SWEEP_PAGE
from spear_deploy.errors import InputError
from spear_deploy.identity import differing
from spear_deploy.report.check import read_report
from spear_deploy.storage import as_json, exists, is_file, writing
from spear_deploy.versions import versions

_FREE = ("resume", "force", "progress", "max_drop", "threads", "jobs")
"""Settings that a sweep may be resumed with others of."""
_POINT = re.compile(r"[0-9A-Za-z._]+_seed_[0-9]+")


def finished(folder: Path) -> dict[str, Any] | None:
    """Return the report of a point that is done; raise :class:`InputError` (E010) for one that is damaged.

    The report is written before the page: without a page it may not be whole.
    """
    if not is_file(folder / PAGE) or not is_file(folder / REPORT):
        return None
    return read_report(folder)


def identity_of(requests: Mapping[int, Request], settings: Settings) -> dict[str, Any]:
    """Return what the points depend on besides budget and seed."""
    first = next(iter(requests.values()))
    kept = {name: value for name, value in settings.items() if name not in _FREE}
    found = {
        "network": first.imported.network.content_hash,
        "semantics": first.imported.semantics.to_json(),
        "chip": [first.chip.name, first.chip.target],
        "data": {str(seed): request.data.fingerprint for seed, request in requests.items()},
        "settings": kept,
        "versions": versions(),
    }
    identity: dict[str, Any] = json.loads(json.dumps(as_json(found)))
    return identity


def refuse_other(folder: Path, identity: Mapping[str, Any], *, resume: bool) -> None:
    """Raise :class:`InputError` (E045) for a folder with another sweep, or one that should not be resumed."""
    path = folder / SWEEP
    if not exists(path):
        held = sorted(item.name for item in folder.iterdir()) if folder.is_dir() else []
        if held:
            message = f"holds files that no sweep left there ({', '.join(held[:3])})"
            raise InputError.of("E009", folder, message, "choose an empty folder")
        return
    if not resume:
        raise InputError.of("E045", folder, "holds a sweep", "go on with it by --resume, or choose another folder")
    try:
        found = json.loads(path.read_text(encoding="utf-8"))["identity"]
        seeds = set(found["data"]) & set(identity["data"])
        parts = [
            {**{name: each.get(name) for name in identity}, "data": {seed: each["data"][seed] for seed in seeds}}
            for each in (found, identity)
        ]
    except (ValueError, KeyError, TypeError, AttributeError, OSError) as error:
        raise InputError.of("E045", path, f"is damaged: {error}", "choose another folder") from error
    if parts[0] != parts[1]:
        message = f"was written for another sweep (differs in: {differing(*parts)})"
        raise InputError.of("E045", path, message, "resume with the same inputs and options, or choose another folder")


def clear_earlier(folder: Path) -> None:
    """Remove an earlier sweep from its folder; raise :class:`InputError` (E009) where there is anything else in it."""
    if not exists(folder / SWEEP):
        return
    held = sorted(folder.iterdir())
    points = [each for each in held if _POINT.fullmatch(each.name) and each.is_dir() and not each.is_symlink()]
    files = [each for each in held if each.name in (SWEEP, SWEEP_PAGE, PROJECT) and not each.is_dir()]
    others = [each.name for each in held if each not in points and each not in files]
    if others:
        message = f"holds files that no sweep left there ({', '.join(others[:3])})"
        raise InputError.of("E009", folder, message, "move them elsewhere, or choose another folder")
    with writing(folder):
        for point in points:
            shutil.rmtree(point)
        for file in files:
            file.unlink()


def point_name(budget: str, seed: int) -> str:
    """Return the name of a point's folder, such as ``50pct_seed_0``."""
    return f"{re.sub(r'[^0-9A-Za-z.]+', '_', budget.replace('%', 'pct'))}_seed_{seed}"
