"""The HDF5 layout of NIR: reading a file that is not trusted, and writing one atomically.

Layout (NIR 1.0.8)::

    /version                         "1.0.8"
    /node/type                       "NIRGraph"
    /node/edges                      (N, 2) byte strings
    /node/nodes/<name>/type          "LIF", "Conv2d", ...
    /node/nodes/<name>/<field>       one data set a field
    /node/metadata/...               nested groups

Nothing is evaluated or unpickled; sizes are bounded before anything is read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from spear_deploy.errors import InputError
from spear_deploy.storage import atomic

NIR_VERSION = "1.0.8"
_MAX_ELEMENTS = 1 << 28
_MAX_NODES = 10_000
_MAX_DEPTH = 32


@dataclass(frozen=True, eq=False)
class NirNode:
    """A node as stored: ``type`` is NIR's class name, ``values`` its data sets (arrays or text)."""

    type: str
    values: Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class NirGraph:
    """A graph as stored: nodes by name, directed edges, metadata as nested dictionaries."""

    nodes: Mapping[str, NirNode]
    edges: tuple[tuple[str, str], ...]
    metadata: Mapping[str, Any] = field(default_factory=dict)
    version: str = NIR_VERSION


def read(path: Path) -> NirGraph:
    """Read the stored graph.

    Raises :class:`InputError`: E001 if there is no such file, E002 if it is not NIR or is truncated.
    """
    if not path.is_file():
        raise InputError.of("E001", path, "no such file", "check the path")
    try:
        with h5py.File(path, "r") as file:
            return _read_graph(file)
    except _MalformedError as error:
        raise InputError.of("E002", path, str(error), "write it with nir.write of nir 1.0 or later") from error
    except (OSError, KeyError, RuntimeError, ValueError, TypeError, UnicodeDecodeError) as error:
        reason = "it is no HDF5 file" if not h5py.is_hdf5(path) else f"it is damaged or truncated ({error})"
        raise InputError.of("E002", path, reason, "check the file; write it with nir.write") from error


def write(path: Path, graph: NirGraph) -> None:
    """Write the graph so that nir 1.0.8 reads it; equal graphs give equal bytes."""
    with atomic(path) as temporary, h5py.File(temporary, "w") as file:
        file.create_dataset("version", data=graph.version)
        node = file.create_group("node")
        node.create_dataset("type", data="NIRGraph")
        node.create_dataset("edges", data=np.array(graph.edges, dtype="S").reshape(-1, 2))
        if graph.metadata:
            _write_group(node.create_group("metadata"), graph.metadata)
        nodes = node.create_group("nodes")
        for name, stored in graph.nodes.items():
            group = nodes.create_group(name)
            group.create_dataset("type", data=stored.type)
            _write_group(group, stored.values)


class _MalformedError(Exception):
    """The file is HDF5 but not laid out as NIR."""


def _read_graph(file: h5py.File) -> NirGraph:
    root = file.get("node")
    if not isinstance(root, h5py.Group) or "nodes" not in root or "edges" not in root:
        raise _MalformedError("it is HDF5, but has no NIR graph in /node")
    stored = root["nodes"]
    if not isinstance(stored, h5py.Group) or len(stored) > _MAX_NODES:
        raise _MalformedError("/node/nodes is no group of nodes")
    nodes = {name: _read_node(name, _member(stored, name)) for name in stored}
    edges = np.asarray(_value(root["edges"]))
    if edges.size and (edges.ndim != 2 or edges.shape[1] != 2):
        raise _MalformedError(f"/node/edges has shape {edges.shape} instead of (N, 2)")
    pairs = tuple((_text(a), _text(b)) for a, b in edges.reshape(-1, 2))
    metadata = _read_group(root["metadata"]) if isinstance(root.get("metadata"), h5py.Group) else {}
    version = _text(_value(file["version"])) if "version" in file else "unknown"
    return NirGraph(nodes, pairs, metadata, version)


def _read_node(name: str, group: Any) -> NirNode:
    if not isinstance(group, h5py.Group) or "type" not in group:
        raise _MalformedError(f"node {name!r} has no type")
    kind = _text(_value(group["type"]))
    if kind == "NIRGraph":
        return NirNode(kind, {})
    return NirNode(kind, {key: value for key, value in _read_group(group).items() if key != "type"})


def _read_group(group: h5py.Group, depth: int = 0) -> dict[str, Any]:
    if depth > _MAX_DEPTH:
        raise _MalformedError("groups are nested too deeply")
    values: dict[str, Any] = {}
    for key in group:
        item = _member(group, key)
        values[key] = _read_group(item, depth + 1) if isinstance(item, h5py.Group) else _value(item)
    return values


def _member(group: h5py.Group, key: str) -> Any:
    if isinstance(group.get(key, getlink=True), h5py.ExternalLink):
        raise _MalformedError(f"{group.name}/{key} refers to another file")
    return group[key]


def _value(dataset: h5py.Dataset) -> Any:
    if not isinstance(dataset, h5py.Dataset):
        raise _MalformedError("a group stands where a value is expected")
    if dataset.shape is None:
        return None
    if dataset.size is None or dataset.size > _MAX_ELEMENTS:
        raise _MalformedError(f"{dataset.name} declares {dataset.size} elements")
    if dataset.external or dataset.is_virtual:
        raise _MalformedError(f"{dataset.name} refers to another file")
    value = dataset[()]
    return _text(value) if isinstance(value, (bytes, str)) else value


def _text(value: Any) -> str:
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)


def _write_group(group: h5py.Group, values: Mapping[str, Any]) -> None:
    for key, value in _sorted_items(values):
        if isinstance(value, Mapping):
            _write_group(group.create_group(key), value)
        else:
            group.create_dataset(key, data=value)


def _sorted_items(values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    yield from sorted(values.items())
