"""The journal of a run: its evaluations as lines of JSON, from which the run can be resumed.

A run is deterministic.  Resuming it runs the same algorithm again and takes every evaluation that the
journal holds from there instead of computing it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from spear_deploy.errors import InputError

Record = dict[str, Any]


class Journal:
    """Evaluations by kind and key, kept in memory and appended to a file.

    Raises :class:`InputError` (E012) when ``path`` exists and was written for another ``header``: other
    inputs, options or versions.  An incomplete last line (an interrupted write) is dropped.
    """

    def __init__(self, path: Path, header: Mapping[str, Any], *, resume: bool) -> None:
        self._path = path
        self._records: dict[str, Record] = {}
        if resume and path.is_file():
            self._load(header)
        else:
            path.unlink(missing_ok=True)
            self._append({"kind": "header", **header})

    def once(self, kind: str, key: Any, compute: Callable[[], Record]) -> Record:
        """Return the record of this kind and key; compute and append it if it is not there yet."""
        name = json.dumps([kind, key], sort_keys=True)
        if name not in self._records:
            self._records[name] = compute()
            self._append({"kind": kind, "key": key, "value": self._records[name]})
        return self._records[name]

    def _load(self, header: Mapping[str, Any]) -> None:
        text = self._path.read_text(encoding="utf-8", errors="replace")
        entries = [entry for entry in map(_parse, text.splitlines()) if entry]
        if not text or (text.startswith("{") and "\n" not in text):  # killed while it wrote the header
            self._path.unlink()
            self._append({"kind": "header", **header})
            return
        found = {k: v for k, v in entries[0].items() if k != "kind"} if entries else {}
        if found != dict(header):
            differing = ", ".join(sorted(k for k in {*found, *header} if found.get(k) != header.get(k)))
            fix = "resume with the same inputs and options, or choose another -o"
            raise InputError.of("E012", self._path, f"was written for another run (differs in: {differing})", fix)
        for entry in entries[1:]:
            if {"kind", "key", "value"} <= set(entry):
                self._records[json.dumps([entry["kind"], entry["key"]], sort_keys=True)] = entry["value"]
        if not text.endswith("\n"):
            self._write("\n")  # ends a line whose write was interrupted

    def _append(self, entry: Record) -> None:
        self._write(json.dumps(entry, sort_keys=True) + "\n")

    def _write(self, text: str) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())


def _parse(line: str) -> Record | None:
    try:
        entry = json.loads(line)
    except json.JSONDecodeError:
        return None
    return entry if isinstance(entry, dict) else None
