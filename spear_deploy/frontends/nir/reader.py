"""Reading NIR files, and findings where a file or its semantics leave a question open."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from spear_deploy.errors import Finding, InputError, SpearError, UnsupportedError
from spear_deploy.frontends.imported import Imported
from spear_deploy.frontends.nir import file as nir_file
from spear_deploy.frontends.nir.builder import NetworkBuilder
from spear_deploy.frontends.nir.dt import default_dt, recover_dt
from spear_deploy.frontends.nir.exporters import EXPORTERS, likely_exporters
from spear_deploy.frontends.nir.fields import unknown_fields
from spear_deploy.frontends.nir.file import NirGraph
from spear_deploy.frontends.nir.flatten import IDENTITY, flatten
from spear_deploy.frontends.nir.loops import loops_without_neuron
from spear_deploy.frontends.nir.names import with_writable_names
from spear_deploy.frontends.nir.neurons import NEURON_TYPES
from spear_deploy.frontends.nir.ops import STEP_TYPES
from spear_deploy.frontends.nir.population_semantics import with_population_semantics
from spear_deploy.frontends.nir.resolution import with_resolutions
from spear_deploy.frontends.semantics import PRESETS, Semantics, from_json

METADATA_KEY = "spear_deploy"
SUPPORTED_TYPES = ("Input", "NIRGraph", "Output", *(kind for kind in STEP_TYPES if kind != IDENTITY), *NEURON_TYPES)
_TRIAL_DT = 1e-9  # below any time constant


def load(path: Path | str, semantics: Semantics | None = None, overrides: Mapping[str, Any] | None = None) -> Imported:
    """Read a NIR file.

    Files that this tool wrote need no ``semantics``: they contain them.  ``overrides`` replaces single fields.

    Raises:
        InputError: E001..E004 (unreadable, damaged, not executable), E023, E024 (also for semantics that
            contradict those in the file).
        UnsupportedError: E020 without semantics, E021, E022 and E026 with every node concerned.
    """
    path = Path(path)
    return read_graph(nir_file.read(path), str(path), semantics, overrides)


def read_graph(
    graph: NirGraph, where: str, semantics: Semantics | None = None, overrides: Mapping[str, Any] | None = None
) -> Imported:
    """Read a stored graph like :func:`load` reads a file; ``where`` names it in findings."""
    carried = _semantics_in_file(graph, where)
    if semantics is not None and carried is not None and semantics != carried:
        message = "the file carries its own semantics, and those given differ"
        raise InputError.of("E024", where, message, "leave out --semantics; single fields may be overridden")
    base = semantics or carried
    if base is None:
        raise missing_semantics(where, _choice(graph))
    imported = convert(graph, replace(base, **(overrides or {})))
    presets = [name for name, (preset, _) in PRESETS.items() if base == preset]
    if semantics is None or not presets:
        return imported
    flat, _ = flatten(graph)
    assumed = [] if "dt" in (overrides or {}) else default_dt(flat, base, presets[0])
    return replace(imported, notes=(*imported.notes, *assumed, *_unlikely(presets[0], flat)))


def _semantics_in_file(graph: NirGraph, where: str) -> Semantics | None:
    stored = graph.metadata.get(METADATA_KEY, {})
    text = stored.get("semantics") if isinstance(stored, dict) else None
    return None if text is None else from_json(str(text), where)


def _unlikely(preset: str, flat: NirGraph) -> list[Finding]:
    """Return a note if the file lacks the marks of the preset's exporter."""
    likely = likely_exporters(flat)
    if preset not in EXPORTERS or preset in likely:
        return []
    message = f"its parameters are not such as {preset} writes; they fit: {', '.join(likely) or 'no exporter known'}"
    return [Finding("N006", "--semantics", message, severity="note")]


def missing_semantics(where: object, fix: str) -> SpearError:
    """Return the error for a file that needs semantics (E020); ``fix`` says which."""
    message = "the file does not say how its neurons integrate, compare and reset"
    return UnsupportedError.of("E020", where, message, fix)


def _choice(graph: NirGraph) -> str:
    """List the presets, and those that fit the file."""
    presets = "\n".join(f"       {name:<13} {text}" for name, (_, text) in PRESETS.items())
    fitting = ", ".join(_plausible_presets(graph)) or "none of them with certainty"
    return f"give --semantics with a preset or a TOML file:\n{presets}\n     the file's parameters fit: {fitting}"


def _plausible_presets(graph: NirGraph) -> list[str]:
    """Return the presets whose exporters leave such marks and that can read the file."""
    flat, _ = flatten(graph)
    fitting = []
    for name in likely_exporters(flat):
        semantics = PRESETS[name][0]
        dt = semantics.dt or recover_dt(flat)[0]
        try:
            convert(graph, replace(semantics, dt=dt or _TRIAL_DT))
        except SpearError:
            continue
        fitting.append(name if dt else f"{name} (with --dt)")
    return fitting


def convert(graph: NirGraph, semantics: Semantics) -> Imported:
    """Turn a stored graph into a network; see :func:`load` for the errors."""
    graph, renamed = with_writable_names(graph)
    flat, findings = flatten(graph)
    _refuse_unsupported(flat, unknown_fields(graph))
    builder = NetworkBuilder(flat, semantics, [*renamed, *findings])
    builder.build()
    errors = [finding for finding in builder.findings if finding.severity == "error"]
    if errors:
        unsupported = all(finding.code == "E021" for finding in errors)
        raise UnsupportedError(errors) if unsupported else InputError(errors)
    stored = graph.metadata.get(METADATA_KEY)
    network = with_population_semantics(with_resolutions(builder.network(), stored), stored)
    return Imported(network, builder.semantics, tuple(f for f in builder.findings if f.severity == "note"))


def _refuse_unsupported(graph: NirGraph, unread: Iterable[Finding]) -> None:
    supported = ", ".join(sorted(SUPPORTED_TYPES))
    findings = [
        *unread,
        *(
            Finding("E021", f"node {name!r}", f"{node.type} is not supported", f"supported: {supported}")
            for name, node in sorted(graph.nodes.items())
            if node.type not in ("Input", "Output", *STEP_TYPES, *NEURON_TYPES)
        ),
    ]
    neurons = {name for name, node in graph.nodes.items() if node.type in NEURON_TYPES}
    for loop in loops_without_neuron(graph.edges, neurons):
        where = " -> ".join((*loop, loop[0]))
        findings.append(Finding("E022", where, "no node of this loop has a neuron", "put a neuron into the loop"))
    if findings:
        raise UnsupportedError(findings)
