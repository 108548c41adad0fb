"""The bundle: a folder with everything that a backend needs, and hashes of its files.

program.h5      integers for the chip (the target's own file)
model.nir       the pruned float network, readable by any NIR tool
samples.npz     x (N, T, *shape) integer payloads and y (N,): what validation runs
manifest.json   target, chip, versions, origin, and the SHA-256 of each file; written last
report.json     the result of the deployment (report/schema.json)
spear.toml      the options of the run, from the command line: build repeats it
search.jsonl    the journal of the search
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from operator import index
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spear_deploy.errors import Finding, InputError
from spear_deploy.frontends import Semantics, load, save
from spear_deploy.network import Network
from spear_deploy.network.units import unit_groups
from spear_deploy.printable import plain
from spear_deploy.storage import atomic, is_file, sha256, write_json, writing
from spear_deploy.targets import TARGETS, Program, emulated_target
from spear_deploy.untrusted import UnreadableError, npz
from spear_deploy.versions import versions

SCHEMA = 2
PROGRAM, MODEL, SAMPLES, MANIFEST = "program.h5", "model.nir", "samples.npz", "manifest.json"
REPORT, PAGE = "report.json", "report.html"
_STAGING = ".bundle.part"
"""Folder in which files are written before they replace those of an earlier bundle."""


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
        """The decision rule of the deployment; None: the output's usual one."""
        named = self.manifest["origin"].get("decide")
        return None if named is None else str(named)


@dataclass(frozen=True, eq=False)
class Origin:
    """The origin of a program: the float network, its semantics, the units kept by each group, and facts of the run."""

    network: Network
    semantics: Semantics
    kept: Mapping[str, list[int]]
    facts: Mapping[str, Any]


def write_bundle(
    folder: Path, program: Program, samples: tuple[NDArray[Any], NDArray[np.int64]], origin: Origin
) -> Bundle:
    """Write all files to a staging folder, then replace an earlier bundle and its report, the manifest last.

    A folder without a manifest holds no bundle.  Raises :class:`InputError` (E009) if the disk is full; an earlier
    bundle is then unchanged.
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
    emulated_target(program.target).write(folder / PROGRAM, program)
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
    manifest = _read_manifest(path)
    files = dict(manifest["files"])
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
    except (OSError, UnreadableError, LookupError) as error:
        raise InputError.of("E010", folder / SAMPLES, f"cannot be read: {error}", "compile again") from error
    program = emulated_target(str(manifest["target"])).read(folder / PROGRAM)
    problems = [
        *((PROGRAM, problem) for problem in _problems_of_ends(program)),
        *((MANIFEST, problem) for problem in _problems_of_manifest(manifest, program)),
    ] or [(SAMPLES, problem) for problem in _problems_of_samples(program, x, y)]
    if problems:
        raise InputError(Finding("E010", str(folder / name), problem, "compile again") for name, problem in problems)
    return Bundle(folder, program, x, y, manifest)


def source_units(folder: Path) -> dict[str, list[int]]:
    """Return, by population, the unit of the imported network that each unit was; {} without ``model.nir``.

    Raises :class:`InputError` (E010) if the file does not say so for all its units.
    """
    path = folder / MODEL
    if not is_file(path):
        return {}
    network = load(path).network
    try:
        kept = json.loads(network.metadata["spear_deploy"]["kept_units"])
        found = {population.name: list(range(population.units)) for population in network.neurons}
        for group in unit_groups(network).groups:
            units = [index(unit) for unit in kept.get(group.name, range(group.units))]
            if len(units) != group.units:
                raise ValueError(f"{len(units)} units were kept of {group.name}, which has {group.units}")
            found |= dict.fromkeys(group.populations, units)
    except (LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise InputError.of("E010", path, f"its kept units are damaged: {plain(error)}", "compile again") from error
    return found


def _read_manifest(path: Path) -> dict[str, Any]:
    """Return the manifest; raise :class:`InputError` (E010) for a damaged one."""
    try:
        manifest: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        files = dict(manifest["files"])
        if manifest["schema"] != SCHEMA:
            message = f"was written by another version: schema {manifest['schema']}, this one reads {SCHEMA}"
            raise InputError.of("E010", path, message, "compile again")
        if manifest["target"] not in TARGETS.names() or set(files) != {PROGRAM, MODEL, SAMPLES}:
            raise ValueError("unknown target or files")
        decide = manifest["origin"].get("decide")
        if decide is not None and not isinstance(decide, str):
            raise TypeError("decide is not a name")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError.of("E010", path, "is damaged", "compile again") from error
    return manifest


def _problems_of_ends(program: Program) -> Iterator[str]:
    """Yield why a program cannot be run on samples."""
    if len(program.inputs) != 1 or len(program.outputs) != 1:
        yield f"has {len(program.inputs)} inputs and {len(program.outputs)} outputs; a bundle's has one of each"


def _problems_of_manifest(manifest: Mapping[str, Any], program: Program) -> Iterator[str]:
    """Yield contradictions between manifest and program."""
    for name, is_one in (("target", program.target), ("chip", program.chip)):
        if manifest.get(name) != is_one:
            yield f"says the {name} is {manifest.get(name)!r}; the program's is {is_one!r}"


def _problems_of_samples(program: Program, x: NDArray[Any], y: NDArray[Any]) -> Iterator[str]:
    """Yield why samples and labels do not fit a program of one input and one output."""
    (port,), outputs = program.inputs, prod(program.shapes[program.outputs[0]])
    if x.ndim < 2 or x.shape[2:] != port.shape or not x.size:
        yield f"x has shape {x.shape}, the program takes (N, T, {', '.join(map(str, port.shape))})"
    elif x.dtype.kind not in "biu" or x.min() < 0 or x.max() > port.max_value:
        yield f"x holds {x.dtype} {x.min()} to {x.max()}, the program takes integers 0 to {port.max_value}"
    if y.shape != x.shape[:1] or y.dtype.kind not in "iu":
        yield f"y is {y.dtype} of shape {y.shape}, a label for each of {len(x) if x.ndim else 0} samples is needed"
    elif y.size and (y.min() < 0 or y.max() >= outputs):
        yield f"y holds {y.min()} to {y.max()}, the output has {outputs} classes"
