"""The bundle: a directory with all that a backend needs, and the proof of what it holds.

program.h5      integers for the chip (lower/program.py)
model.nir       the pruned float network, readable by any NIR tool
samples.npz     x (N, T, *shape) integer payloads and y (N,): what validation runs
manifest.json   chip, versions, origin, and the SHA-256 of each file; written last
report.json     the result of the deployment (report/schema.json)
search.jsonl    the journal of the search
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import spear_deploy
from spear_deploy.errors import Finding, InputError
from spear_deploy.frontends import Semantics, save
from spear_deploy.network import Network
from spear_deploy.storage import atomic, sha256, write_json
from spear_deploy.targets.loihi.program import REGISTERS, ChipProgram, read_program, write_program
from spear_deploy.untrusted import UnreadableError, npz

SCHEMA = 1
PROGRAM, MODEL, SAMPLES, MANIFEST = "program.h5", "model.nir", "samples.npz", "manifest.json"

_LARGEST_NOTE = 1 << 20
"""Weights of a projection that the model's metadata repeat; poolings may compose to far larger matrices."""


@dataclass(frozen=True, eq=False)
class Bundle:
    """An opened bundle: its folder, program, validation samples and manifest."""

    folder: Path
    program: ChipProgram
    x: NDArray[Any]
    y: NDArray[np.int64]
    manifest: Mapping[str, Any]

    @property
    def program_file(self) -> Path:
        """Path of the program."""
        return self.folder / PROGRAM


def write_bundle(
    folder: Path,
    program: ChipProgram,
    network: Network,
    semantics: Semantics,
    samples: tuple[NDArray[Any], NDArray[np.int64]],
    *,
    kept: Mapping[str, list[int]],
    origin: Mapping[str, Any],
) -> Bundle:
    """Write all files, the manifest last: a folder without one holds no bundle.

    ``kept`` lists the units of each group that pruning kept; ``origin`` describes inputs and options.
    """
    (folder / MANIFEST).unlink(missing_ok=True)
    write_program(folder / PROGRAM, program)
    notes = {"kept_units": json.dumps(dict(kept), sort_keys=True), "quantised": _integers(program)}
    save(folder / MODEL, network, semantics, **notes)
    with atomic(folder / SAMPLES) as temporary, temporary.open("wb") as stream:
        np.savez_compressed(stream, x=samples[0], y=samples[1])
    manifest = {
        "schema": SCHEMA,
        "chip": program.chip,
        "network": network.content_hash,
        "versions": versions(),
        "origin": dict(origin),
        "files": {name: sha256(folder / name) for name in (PROGRAM, MODEL, SAMPLES)},
    }
    write_json(folder / MANIFEST, manifest)
    return Bundle(folder, program, *samples, manifest)


def _integers(program: ChipProgram) -> dict[str, Any]:
    """Return the integers of a program by the names that the float network has: what other tools may want of it.

    Matrices beyond ``_LARGEST_NOTE`` are in the program's file only.
    """
    return {
        "chip": program.chip,
        "populations": {
            p.name: {name: getattr(p, name) for name in ("scale", *REGISTERS)} for p in program.populations
        },
        "projections": {
            p.synapses.name: {"weight": p.synapses.weight, "weight_exp": p.exponent, "delay": p.delay}
            for p in program.projections
            if p.synapses.weight.size <= _LARGEST_NOTE
        },
    }


def read_bundle(folder: Path) -> Bundle:
    """Open a bundle and check every hash; raises :class:`InputError` (E001, E010) with all findings."""
    path = folder / MANIFEST
    if not path.is_file():
        raise InputError.of(
            "E001", path, "there is no bundle in this folder", "run spear-deploy compile or deploy first"
        )
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        files = dict(manifest["files"])
        if manifest["schema"] != SCHEMA or set(files) != {PROGRAM, MODEL, SAMPLES}:
            raise ValueError("unknown schema")
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
    return Bundle(folder, read_program(folder / PROGRAM), x, y, manifest)


def versions() -> dict[str, str]:
    """Return the versions that the bytes of a bundle depend on."""
    python = ".".join(map(str, sys.version_info[:3]))
    libraries = {name: metadata.version(name) for name in ("numpy", "h5py", "torch", "stable-baselines3")}
    return {"spear-deploy": spear_deploy.__version__, "python": python, **libraries}
