"""Writing ``spear.toml``, which repeats a run: what its keys are, and which of them are paths."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from spear_deploy.storage import atomic, exists

NEEDED = ("model", "chip", "data", "output")
"""Keys that no run can do without."""
OF_ONE_RUN = frozenset(
    {"help", "json_output", "resume", "force", "until", "dry_run", "quiet", "verbose", "log", "jobs"}
)
"""Options that say how to go about one run, not what is to be made."""
PATHS = ("model", "output", "data_dir")
PATHS_OR_NAMES = ("data", "chip", "semantics")
"""What names a file where there is one of that name, and something built in where there is none."""


def write_project(path: Path, options: Mapping[str, Any], unnamed: Sequence[str] = ()) -> None:
    """Write a project file that repeats a run of these options; raise :class:`InputError`, E009.

    ``unnamed`` are those that were objects in Python: the file says that it lacks them.
    """
    head = ["# Repeats this run: spear-deploy build spear.toml -o elsewhere/"]
    if unnamed:
        head = [
            f"# This run was made from Python with objects that no file can name: {', '.join(unnamed)}.",
            "# With files or names of what they were given here, or as options, it is repeated by",
            "# spear-deploy build spear.toml -o elsewhere/",
        ]
    lines = [f"{name} = {_in_toml(value)}" for name, value in _held(options, path.parent)]
    with atomic(path) as temporary:
        temporary.write_text("\n".join([*head, *lines]) + "\n", encoding="utf-8")


def _held(options: Mapping[str, Any], folder: Path) -> Iterator[tuple[str, Any]]:
    """Yield what is to be written of options, those first that no run can do without; paths lead from the folder."""
    ordered = [*(name for name in NEEDED if name in options), *(name for name in options if name not in NEEDED)]
    for name in ordered:
        value = options[name]
        if name in OF_ONE_RUN or value is None or value is False:
            continue
        is_path = name in PATHS or (name in PATHS_OR_NAMES and exists(Path(value)))
        yield name, Path(os.path.relpath(value, folder)).as_posix() if is_path else value


def _in_toml(value: Any) -> str:
    """Write a truth, a number or text."""
    return json.dumps(value if isinstance(value, bool | int | float) else str(value), ensure_ascii=False)
