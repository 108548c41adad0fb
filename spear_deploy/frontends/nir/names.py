"""Names of nodes that a file can hold: names of graphs in memory may contain slashes, for example."""

from __future__ import annotations

from dataclasses import replace

from spear_deploy.errors import Finding
from spear_deploy.frontends.nir.file import NirGraph, NirNode, unique_name
from spear_deploy.network import writable_name


def with_writable_names(graph: NirGraph, prefix: str = "") -> tuple[NirGraph, list[Finding]]:
    """Return the graph (and nested graphs) with names that files can hold, and a note (N006) on each new name."""
    renamed: dict[str, str] = {}
    nodes: dict[str, NirNode] = {}
    findings: list[Finding] = []
    for name, node in graph.nodes.items():
        renamed[name] = writable_name(name)
        if renamed[name] != name:
            renamed[name] = unique_name(renamed[name], graph.nodes, nodes)
            message = f"files cannot hold this name; it is called {prefix + renamed[name]!r}"
            findings.append(Finding("N006", f"node {prefix + name!a}", message, severity="note"))
        nodes[renamed[name]] = node
        if node.graph is not None:
            inner, further = with_writable_names(node.graph, f"{prefix}{renamed[name]}.")
            nodes[renamed[name]] = replace(node, graph=inner)
            findings += further
    edges = tuple((renamed.get(a, writable_name(a)), renamed.get(b, writable_name(b))) for a, b in graph.edges)
    return replace(graph, nodes=nodes, edges=edges), findings
