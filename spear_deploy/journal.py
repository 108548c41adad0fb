"""The journal of a run: its evaluations as lines of JSON, from which the run can be resumed.

A run is deterministic.  Resuming it runs the same algorithm again and takes every evaluation in the journal from there
instead of computing it.  Each line has a checksum: a figure changed by hand would otherwise become a result.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from spear_deploy.errors import InputError
from spear_deploy.identity import differing
from spear_deploy.storage import writing

Record = dict[str, Any]


class Journal:
    """Evaluations by kind and key, kept in memory and appended to a file.

    Raises :class:`InputError`: E012 if ``path`` was written for another ``header`` (inputs, options, versions) or was
    modified, E009 if it cannot be written.  An incomplete last line (an interrupted write) is dropped.
    """

    def __init__(self, path: Path, header: Mapping[str, Any], *, resume: bool) -> None:
        self._path = path
        self._records: dict[str, Record] = {}
        with writing(path):
            if resume and path.is_file():
                self._load(header)
            else:
                path.unlink(missing_ok=True)
                self._append({"kind": "header", **header})

    def once(self, kind: str, key: Any, compute: Callable[[], Record]) -> Record:
        """Return the record of this kind and key; compute and append it if it does not exist."""
        name = json.dumps([kind, key], sort_keys=True)
        if name not in self._records:
            self._records[name] = compute()
            record = {"kind": kind, "key": key, "value": self._records[name]}
            with writing(self._path):
                self._append({**record, "check": _check_sum(record)})
        return self._records[name]

    def _load(self, header: Mapping[str, Any]) -> None:
        text = self._path.read_text(encoding="utf-8", errors="replace")
        entries = [entry for entry in map(_parse, text.splitlines()) if entry is not None]
        if not text or (text.startswith("{") and "\n" not in text):  # killed while it wrote the header
            self._path.unlink()
            self._append({"kind": "header", **header})
            return
        first = entries[0] if entries else None
        found = {k: v for k, v in first.items() if k != "kind"} if isinstance(first, dict) else {}
        if found != dict(header):
            fix = "resume with the same inputs and options, or choose another -o"
            message = f"was written for another run (differs in: {differing(found, header)})"
            raise InputError.of("E012", self._path, message, fix)
        for number, entry in enumerate(entries[1:], start=2):
            if not _is_whole(entry):
                message = f"record {number} is not as a run writes it"
                raise InputError.of("E012", self._path, message, "start over, without --resume")
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


def _parse(line: str) -> Any:
    """Return the JSON of a line; None if its write was interrupted."""
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _is_whole(entry: Any) -> bool:
    if not isinstance(entry, dict) or set(entry) != {"kind", "key", "value", "check"}:
        return False
    return bool(entry["check"] == _check_sum({name: entry[name] for name in ("kind", "key", "value")}))


def _check_sum(record: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()[:16]
