"""Converting graphs of the ``nir`` package to and from graphs as stored in files.

``nir.write`` is not used for that: it refuses scalars and shapes that are not known yet.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from spear_deploy.errors import InputError
from spear_deploy.extras import missing_package
from spear_deploy.frontends.nir import file as nir_file
from spear_deploy.frontends.nir.file import NirGraph, NirNode
from spear_deploy.frontends.nir.neurons import START_KEY
from spear_deploy.scratch import scratch

if TYPE_CHECKING:
    import nir


def is_package_graph(value: object) -> bool:
    """Whether a value is a graph of the package, which need not be installed."""
    kinds = type(value).__mro__
    return any(kind.__name__ == "NIRGraph" and kind.__module__.partition(".")[0] == "nir" for kind in kinds)


def from_package(graph: Any) -> NirGraph:
    """Return a graph of the package as it would be stored, whether or not shapes are known."""
    nodes = {name: _node(node) for name, node in graph.nodes.items()}
    return NirGraph(nodes, tuple(sorted(graph.edges)), _metadata(graph), values=_added(graph))


def to_package(graph: NirGraph) -> nir.NIRGraph:
    """Return a stored graph as one of the package; raise :class:`InputError` (E064) without it."""
    try:
        import nir
    except ModuleNotFoundError as error:
        raise InputError(missing_package(error).findings) from error
    with scratch() as folder:
        path = folder / "graph.nir"
        nir_file.write(path, graph)
        return nir.read(path)


def _node(node: Any) -> NirNode:
    if is_package_graph(node):
        return NirNode("NIRGraph", {}, from_package(node))
    values = dict(node.to_dict())
    kind = values.pop("type")
    start = _metadata(node).get(START_KEY)
    values["metadata"] = None if start is None else {START_KEY: start}
    held = {**_added(node), **values}
    return NirNode(kind, {key: _array(value) for key, value in held.items() if value is not None})


def _added(node: Any) -> Mapping[str, Any]:
    """Return attributes of an object that are not fields of its class."""
    fields = {field.name for field in dataclasses.fields(node)}
    return {key: value for key, value in vars(node).items() if key not in fields and not key.startswith("_")}


def _metadata(graph: Any) -> Mapping[str, Any]:
    metadata = getattr(graph, "metadata", None)
    return dict(metadata) if isinstance(metadata, Mapping) else {}


def _array(value: Any) -> Any:
    if hasattr(value, "detach"):
        return value.detach().cpu().numpy()
    return value if isinstance(value, str | int | np.ndarray | Mapping) else np.asarray(value)
