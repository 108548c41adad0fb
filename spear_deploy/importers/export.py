"""What the frameworks' exporters give: a NIR graph in memory, taken over node by node without a file."""

from __future__ import annotations

import contextlib
import io
import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from spear_deploy.errors import Finding, InputError, MismatchError, UnsupportedError
from spear_deploy.frontends.imported import Imported
from spear_deploy.frontends.nir.file import NirGraph, NirNode
from spear_deploy.frontends.nir.package import from_package
from spear_deploy.frontends.nir.reader import convert
from spear_deploy.frontends.semantics import Semantics


def run_exporter(name: str, export: Callable[[], Any]) -> NirGraph:
    """Run an exporter and return its graph as it would be stored, full shapes or not.

    Whatever the exporter raises is an :class:`UnsupportedError` (E021): exporters fail in many ways on what they do
    not know.
    """
    try:
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            # of deprecated functions that the exporters call, and infinities mended here
            warnings.simplefilter("ignore")
            graph = export()
        return replace(from_package(graph), metadata={})
    except Exception as error:
        message = f"its NIR exporter fails: {type(error).__name__}: {error}"
        raise UnsupportedError.of("E021", name, message, "export supported layers only") from error


def to_network(graph: NirGraph, semantics: Semantics, name: str) -> Imported:
    """Turn an exporter's graph into a network; one that cannot be executed is a :class:`MismatchError` (E052)."""
    try:
        return convert(graph, semantics)
    except InputError as error:
        fix = "the exporter lost something: skip connections behind the last neuron, for one"
        raise MismatchError.of("E052", name, f"its NIR exporter writes a wrong graph: {error}", fix) from error


def node_key(name: str) -> str:
    """Return a name without what exporters change in it: dots, and underscores around it."""
    return re.sub(r"\W", "_", name).strip("_")


def by_node(layers: Mapping[str, Any], graph: NirGraph) -> dict[str, Any]:
    """Return the layers by the names of their nodes; those that the exporter lost are left out."""
    nodes = {node_key(name): name for name in graph.nodes}
    return {nodes[node_key(name)]: layer for name, layer in layers.items() if node_key(name) in nodes}


def with_nodes(graph: NirGraph, nodes: Mapping[str, NirNode]) -> NirGraph:
    """Return the graph with some nodes replaced."""
    return replace(graph, nodes={**graph.nodes, **nodes})


def common_semantics(semantics: Mapping[str, Semantics], name: str) -> Semantics:
    """Return the one semantics of all layers; raise :class:`UnsupportedError` (E021) where they differ.

    A NIR file is read in one way: that is what the import must be stored with.
    """
    if not semantics:
        raise UnsupportedError.of("E021", name, "the module has no layer of spiking neurons")
    kinds = set(semantics.values())
    if len(kinds) == 1:
        return kinds.pop()
    first = next(iter(semantics.values()))
    findings = []
    for layer, other in semantics.items():
        differing = [key for key in vars(other) if getattr(other, key) != getattr(first, key)]
        told = ", ".join(f"{key} {getattr(other, key)} instead of {getattr(first, key)}" for key in differing)
        if told:
            message = f"its neurons follow another convention: {told}"
            findings.append(Finding("E021", f"layer {layer!r}", message, "make all neuron layers alike in this"))
    raise UnsupportedError(findings)
