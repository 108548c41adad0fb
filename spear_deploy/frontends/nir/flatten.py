"""Flattening nested NIR graphs.

Node ``n`` of subgraph ``s`` becomes ``s.n``.  The ports of a subgraph become nodes of the type ``Identity``; edges
to the subgraph go to its only Input, edges from it leave its only Output.  Their stored shapes are ignored: exporters
write the outer size there.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from spear_deploy.errors import Finding
from spear_deploy.frontends.nir.file import NirGraph, NirNode
from spear_deploy.frontends.nir.neurons import NEURON_TYPES

IDENTITY = "Identity"
"""Type of a node that passes on its input; it does not occur in files."""

_PORTS = ("Input", "Output")


def flatten(graph: NirGraph) -> tuple[NirGraph, list[Finding]]:
    """Return the graph without nested ones, with notes on repairs (N006) and errors (E004).

    Errors with only one possible meaning are repaired: an edge of a subgraph that misnames its only unused node, a
    subgraph without Input or Output but with only one node to enter or leave it by, and edges that name a subgraph of
    which a flat graph only has the nodes.
    """
    flat = _Flat()
    _inline(graph, "", flat)
    names = sorted(flat.nodes)
    edges = tuple((_end(a, "Output", flat, names), _end(b, "Input", flat, names)) for a, b in flat.edges)
    inside = {"Input": {target for _, target in edges}, "Output": {source for source, _ in edges}}
    for name, node in flat.nodes.items():
        if "." in name and name in inside.get(node.type, ()):  # it was the port of a subgraph
            flat.nodes[name] = NirNode(IDENTITY, {})
    return replace(graph, nodes=flat.nodes, edges=edges), list(dict.fromkeys(flat.findings))


@dataclass
class _Flat:
    """The result so far; ``entries`` and ``exits`` are the nodes by which subgraphs are entered and left."""

    nodes: dict[str, NirNode] = field(default_factory=dict)
    edges: list[tuple[str, str]] = field(default_factory=list)
    entries: dict[str, str] = field(default_factory=dict)
    exits: dict[str, str] = field(default_factory=dict)
    subgraphs: set[str] = field(default_factory=set)
    findings: list[Finding] = field(default_factory=list)

    def note(self, where: str, message: str) -> None:
        self.findings.append(Finding("N006", where, message, severity="note"))

    def error(self, where: str, message: str, fix: str = "") -> None:
        self.findings.append(Finding("E004", where, message, fix))


def _inline(graph: NirGraph, prefix: str, flat: _Flat) -> None:
    """Add the nodes and edges of a graph and its subgraphs under a prefix."""
    renamed = _true_names(graph, prefix, flat) if prefix else {}
    for name, node in graph.nodes.items():
        full = prefix + name
        if full in flat.nodes:
            flat.error(f"node {full!r}", "a nested node and another one have this name", "rename one of them")
        elif node.graph is None:
            flat.nodes[full] = NirNode(IDENTITY, {}) if prefix and node.type in _PORTS else node
        else:
            flat.subgraphs.add(full)
            _inline(node.graph, f"{full}.", flat)
            for kind, ends in (("Input", flat.entries), ("Output", flat.exits)):
                port = _port(node.graph, kind, full, flat)
                if port is not None:
                    ends[full] = f"{full}.{port}"
    for source, target in graph.edges:
        flat.edges.append((prefix + renamed.get(source, source), prefix + renamed.get(target, target)))


def _true_names(graph: NirGraph, prefix: str, flat: _Flat) -> dict[str, str]:
    """Return the true name of the one node that a subgraph's edges misname."""
    named = {end for edge in graph.edges for end in edge}
    unknown = [name for name in sorted(named - set(graph.nodes)) if name.split(".")[0] not in graph.nodes]
    unused = sorted(set(graph.nodes) - named)
    if len(unknown) != 1 or len(unused) != 1:
        return {}
    flat.note(
        f"node '{prefix}{unused[0]}'", f"edges of its subgraph call it {unknown[0]!r}; no other node can be meant"
    )
    return {unknown[0]: unused[0]}


def _port(graph: NirGraph, kind: str, name: str, flat: _Flat) -> str | None:
    """Return the node by which a subgraph is entered (``kind`` Input) or left (Output), if there is only one."""
    ports = sorted(inner for inner, node in graph.nodes.items() if node.type == kind)
    if len(ports) == 1:
        return ports[0]
    if ports:
        return None  # edges have to name the port: "sub.port"
    side = 1 if kind == "Input" else 0
    loose = sorted(set(graph.nodes) - {edge[side] for edge in graph.edges})
    if len(loose) == 1:
        flat.note(f"node {name!r}", f"the graph has no {kind}; {loose[0]!r} serves as one")
        return loose[0]
    return None


def _end(name: str, kind: str, flat: _Flat, names: Sequence[str]) -> str:
    """Return the flat node of an edge's end, or of a subgraph its port; ``names`` are all nodes, sorted."""
    ends = flat.entries if kind == "Input" else flat.exits
    while name not in flat.nodes and name in ends:
        name = ends[name]
    if name in flat.nodes:
        return name
    members = names[bisect_left(names, f"{name}.") : bisect_left(names, f"{name}/")]  # "/" comes after "."
    if not members:
        return name
    if name not in flat.subgraphs:
        for types in ((kind,), tuple(NEURON_TYPES)):
            candidates = [inner for inner in members if flat.nodes[inner].type in types]
            if len(candidates) == 1:
                message = f"edges name the subgraph {name!r}, of which only nodes are left; this is its {kind}"
                flat.note(f"node {candidates[0]!r}", message)
                return candidates[0]
    message = f"an edge names it, but it is a subgraph without a single {kind}"
    flat.error(f"node {name!r}", message, f"let the edge name one of {', '.join(members[:8])}")
    return name
