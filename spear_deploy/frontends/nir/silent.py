"""Neurons with an infinite threshold, which never fire.

Before an Output they are a common way to write a readout, read by its membrane.  Anywhere else they have no effect.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from spear_deploy.errors import Finding
from spear_deploy.frontends.nir.file import NirGraph
from spear_deploy.frontends.nir.flatten import IDENTITY

THRESHOLD = "v_threshold"


def silent_findings(graph: NirGraph) -> Iterator[Finding]:
    """Yield a finding (E003) for every node with infinite thresholds that is not a readout."""
    targets: dict[str, list[str]] = {name: [] for name in graph.nodes}
    for source, target in graph.edges:
        if source in targets and target in targets:  # others have findings of their own
            targets[source].append(target)
    for name, node in sorted(graph.nodes.items()):
        value = node.values.get(THRESHOLD)
        threshold = value if isinstance(value, np.ndarray | np.generic) and value.dtype.kind == "f" else np.zeros(1)
        count = np.count_nonzero(np.isinf(threshold))
        if not count:
            continue
        message = f"{THRESHOLD} holds {count} infinite values of {threshold.size}: such neurons never fire"
        hearing = sorted(target for target in targets[name] if not _is_output(target, graph, targets))
        if not np.all(threshold == np.inf):
            yield Finding("E003", f"node {name!r}", message, "leave those neurons out, or give them a threshold")
        elif hearing:
            told = f"{message}, and {', '.join(map(repr, hearing))} would hear nothing of them"
            fix = "give them a threshold; only neurons that an Output reads may do without"
            yield Finding("E003", f"node {name!r}", told, fix)


def _is_output(name: str, graph: NirGraph, targets: dict[str, list[str]]) -> bool:
    """Whether a node is an Output, or a port of a former subgraph that only leads to one."""
    if graph.nodes[name].type != IDENTITY:
        return graph.nodes[name].type == "Output"
    return bool(targets[name]) and all(_is_output(target, graph, targets) for target in targets[name])
