"""Writing ``spear.toml``, which repeats a run: its keys, and which of them are paths."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from spear_deploy.storage import atomic, exists, real_path

NEEDED = ("model", "chip", "data", "output")
"""Keys that every run needs."""
OF_ONE_RUN = frozenset(
    {"help", "json_output", "resume", "force", "until", "dry_run", "quiet", "verbose", "log", "jobs"}
)
"""Options of one run that do not affect its result."""
PATHS = ("model", "output", "data_dir")
PATHS_OR_NAMES = ("data", "chip", "semantics")
"""Options that name a file, or something built in."""
_CODE = re.compile(r"(?P<file>.+\.py):[^:]+")


def led(name: str, value: str, folder: Path, to: Callable[[Path], str]) -> str:
    """Return the value of an option with the path in it, which leads from ``folder``, led ``to`` elsewhere."""
    path = _path_in(name, value, folder)
    return to(Path(path)) + value[len(path) :] if path else value


def _path_in(name: str, value: str, folder: Path) -> str:
    """Return the part of a value that is a path: of ``FILE.py:NAME`` the file, of what is built in nothing.

    A name stays one where a file or folder of that name lies too, and what can only be a file is one before it exists.
    """
    from spear_deploy.data.kinds.named import LOADERS
    from spear_deploy.frontends.semantics import PRESETS

    if name in PATHS:
        return value
    if name == "chip":
        return value if value.endswith(".toml") else ""
    if value in (PRESETS if name == "semantics" else LOADERS):
        return ""
    if exists(folder / value):
        return value
    if code := _CODE.fullmatch(value):
        return code["file"]
    is_file = ":" not in value and ("/" in value or Path(value).suffix != "")
    return value if is_file else ""


def write_project(path: Path, options: Mapping[str, Any], unnamed: Sequence[str] = ()) -> None:
    """Write a project file that repeats a run of these options; raise :class:`InputError`, E009.

    ``unnamed`` are those that were objects in Python: the file says that it lacks them, and values that are not UTF-8.
    """
    held = dict(_held(options, path.parent))
    unnamed = [*unnamed, *(name for name, value in held.items() if not _is_utf8(value))]
    head = ["# Repeats this run: spear-deploy build spear.toml -o elsewhere/"]
    if unnamed:
        head = [
            f"# This run was given what no file like this can name: {', '.join(unnamed)}.",
            "# They were Python objects, or paths that are not UTF-8.  With others, here or as options, repeat it by",
            "# spear-deploy build spear.toml -o elsewhere/",
        ]
    lines = [f"{name} = {_in_toml(value)}" for name, value in held.items() if name not in unnamed]
    with atomic(path) as temporary:
        temporary.write_text("\n".join([*head, *lines]) + "\n", encoding="utf-8")


def _held(options: Mapping[str, Any], folder: Path) -> Iterator[tuple[str, Any]]:
    """Yield what is to be written of options, those first that no run can do without; paths lead from the folder."""
    ordered = [*(name for name in NEEDED if name in options), *(name for name in options if name not in NEEDED)]
    for name in ordered:
        value = options[name]
        if name in OF_ONE_RUN or value is None or value is False:
            continue
        is_place = name in PATHS or name in PATHS_OR_NAMES
        yield name, led(name, os.fspath(value), Path(), lambda path: _from(folder, path)) if is_place else value


def _from(folder: Path, path: Path) -> str:
    """Return the relative path from a folder; links are resolved, since ``..`` after a link leads elsewhere."""
    return Path(os.path.relpath(real_path(path.parent) / path.name, real_path(folder))).as_posix()


def _is_utf8(value: Any) -> bool:
    try:
        str(value).encode()
    except UnicodeEncodeError:
        return False
    return True


def _in_toml(value: Any) -> str:
    """Write a truth, a number or text: as JSON, which writes all but one of the characters that TOML has escaped."""
    text = json.dumps(value if isinstance(value, bool | int | float) else str(value), ensure_ascii=False)
    return text.replace("\x7f", "\\u007f")
