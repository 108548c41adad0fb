"""The bundle: a directory with all that a backend needs, and the proof of what it holds.

program.h5      integers for the chip (the target's own file)
model.nir       the pruned float network, readable by any NIR tool
samples.npz     x (N, T, *shape) integer payloads and y (N,): what validation runs
manifest.json   target, chip, versions, origin, and the SHA-256 of each file; written last
report.json     the result of the deployment (report/schema.json)
search.jsonl    the journal of the search
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spear_deploy.errors import Finding, InputError
from spear_deploy.frontends import Semantics, save
from spear_deploy.network import Network
from spear_deploy.storage import atomic, is_file, sha256, write_json, writing
from spear_deploy.targets import TARGETS, Program
from spear_deploy.untrusted import UnreadableError, npz
from spear_deploy.versions import versions

SCHEMA = 2
PROGRAM, MODEL, SAMPLES, MANIFEST = "program.h5", "model.nir", "samples.npz", "manifest.json"
REPORT, PAGE = "report.json", "report.html"
_STAGING = ".bundle.part"
"""Folder in which all files are written before they replace an earlier bundle's."""


@dataclass(frozen=True, eq=False)
class Bundle:
    """An opened bundle: its folder, program, validation samples and manifest."""

    folder: Path
    program: Program
    x: NDArray[Any]
    y: NDArray[np.int64]
    manifest: Mapping[str, Any]

    @property
    def decide(self) -> str | None:
        """The decision rule that it was deployed with; None: the output's usual one."""
        named = self.manifest["origin"].get("decide")
        return None if named is None else str(named)


@dataclass(frozen=True, eq=False)
class Origin:
    """What a program was made of: the float network, how to read it, the units that each group kept, and facts."""

    network: Network
    semantics: Semantics
    kept: Mapping[str, list[int]]
    facts: Mapping[str, Any]


def write_bundle(
    folder: Path, program: Program, samples: tuple[NDArray[Any], NDArray[np.int64]], origin: Origin
) -> Bundle:
    """Write all files aside, then put them in place of an earlier bundle and its report, the manifest last.

    A folder without a manifest holds no bundle.  Raises :class:`InputError` (E009) if there is no room: an earlier
    bundle is then as it was.
    """
    staging = folder / _STAGING
    try:
        with writing(staging):
            shutil.rmtree(staging, ignore_errors=True)
            staging.mkdir(parents=True)
        manifest = _write_files(staging, program, samples, origin)
        with writing(folder):
            for name in (MANIFEST, REPORT, PAGE):
                (folder / name).unlink(missing_ok=True)
            for name in (PROGRAM, MODEL, SAMPLES, MANIFEST):
                (staging / name).replace(folder / name)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return Bundle(folder, program, *samples, manifest)


def _write_files(
    folder: Path, program: Program, samples: tuple[NDArray[Any], NDArray[np.int64]], origin: Origin
) -> dict[str, Any]:
    """Write all files; return the manifest, with the hashes of what was written."""
    TARGETS.get(program.target).write(folder / PROGRAM, program)
    notes = {"kept_units": json.dumps(dict(origin.kept), sort_keys=True), "quantised": program.integers()}
    save(folder / MODEL, origin.network, origin.semantics, **notes)
    with atomic(folder / SAMPLES) as temporary, temporary.open("wb") as stream:
        np.savez_compressed(stream, x=samples[0], y=samples[1])
    manifest = {
        "schema": SCHEMA,
        "target": program.target,
        "chip": program.chip,
        "network": origin.network.content_hash,
        "versions": versions(),
        "origin": {"semantics": origin.semantics.to_json(), **origin.facts},
        "files": {name: sha256(folder / name) for name in (PROGRAM, MODEL, SAMPLES)},
    }
    write_json(folder / MANIFEST, manifest)
    return manifest


def read_bundle(folder: Path) -> Bundle:
    """Open a bundle and check every hash; raises :class:`InputError` (E001, E010) with all findings."""
    path = folder / MANIFEST
    if not is_file(path):
        raise InputError.of(
            "E001", path, "there is no bundle in this folder", "run spear-deploy compile or deploy first"
        )
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        files = dict(manifest["files"])
        if manifest["schema"] != SCHEMA:
            message = f"was written by another version: schema {manifest['schema']}, this one reads {SCHEMA}"
            raise InputError.of("E010", path, message, "compile again")
        if manifest["target"] not in TARGETS.names() or set(files) != {PROGRAM, MODEL, SAMPLES}:
            raise ValueError("unknown target or files")
    except (ValueError, KeyError, TypeError) as error:
        raise InputError.of("E010", path, "is damaged", "compile again") from error
    findings = []
    for name, expected in files.items():
        file = folder / name
        if Path(name).name != name or not file.is_file():
            findings.append(Finding("E010", str(file), "is missing", "compile again"))
        elif sha256(file) != expected:
            findings.append(Finding("E010", str(file), "was changed after it was written", "compile again"))
    if findings:
        raise InputError(findings)
    try:
        samples = npz.read(folder / SAMPLES, ("x", "y"))
        x, y = samples["x"], samples["y"]
    except (UnreadableError, LookupError) as error:
        raise InputError.of("E010", folder / SAMPLES, f"cannot be read: {error}", "compile again") from error
    program = TARGETS.get(str(manifest["target"])).read(folder / PROGRAM)
    return Bundle(folder, program, x, y, manifest)
