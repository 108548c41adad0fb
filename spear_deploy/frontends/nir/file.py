"""The HDF5 layout of NIR: reading an untrusted file, and writing one atomically.

Layout (NIR 1.0.8)::

    /version                         "1.0.8"
    /node/type                       "NIRGraph"
    /node/edges                      (N, 2) byte strings
    /node/nodes/<name>/type          "LIF", "Conv2d", ...
    /node/nodes/<name>/<field>       one data set a field
    /node/nodes/<name>/nodes, edges  if its type is "NIRGraph": again a graph
    /node/metadata/...               nested groups

A file is read in a process of its own and within bounds (:mod:`spear_deploy.untrusted.hdf5`).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from spear_deploy.errors import InputError
from spear_deploy.storage import atomic_hdf5, is_file
from spear_deploy.untrusted import UnreadableError, hdf5
from spear_deploy.untrusted.hdf5 import Group, Value

if TYPE_CHECKING:
    import h5py

NIR_VERSION = "1.0.8"
_MAX_NODES = 10_000
_SHAPES = ("shape", "input_shape", "input_type", "kernel_size", "stride", "padding", "dilation")
"""Fields with one number per axis."""
_MAX_AXES = 8
_OF_GRAPH = ("type", "nodes", "edges", "metadata")


@dataclass(frozen=True, eq=False)
class NirNode:
    """A node as stored: ``type`` is NIR's class name, ``values`` its data sets (arrays or text).

    Nodes of type NIRGraph, and no others, have a ``graph``.
    """

    type: str
    values: Mapping[str, Any]
    graph: NirGraph | None = None


@dataclass(frozen=True, eq=False)
class NirGraph:
    """A graph as stored: nodes by name, directed edges, metadata as nested dictionaries.

    ``values`` holds anything else that is stored, for which NIR has no fields.
    """

    nodes: Mapping[str, NirNode]
    edges: tuple[tuple[str, str], ...]
    metadata: Mapping[str, Any] = field(default_factory=dict)
    version: str = NIR_VERSION
    values: Mapping[str, Any] = field(default_factory=dict)


_OF_PYTHON = re.compile(r"\.py:\w+$")
_IMPORTED_FIRST = "write the module to a file first: spear-deploy import FILE.py:NAME --input C,H,W -o net.nir"


def read(path: Path) -> NirGraph:
    """Read the stored graph.

    Raises :class:`InputError`: E001 if there is no such file, E002 if it is not NIR or is truncated.
    """
    if not is_file(path):
        of_python = _OF_PYTHON.search(path.name)
        raise InputError.of("E001", path, "no such file", _IMPORTED_FIRST if of_python else "check the path")
    try:
        return _read_file(hdf5.read(path))
    except OSError as error:
        raise InputError.of("E001", path, f"cannot be read: {error.strerror}", "check its permissions") from error
    except UnreadableError as error:
        raise InputError.of("E002", path, str(error), "check the file; write it with nir.write") from error
    except _MalformedError as error:
        raise InputError.of("E002", path, str(error), "write it with nir.write of nir 1.0 or later") from error


def write(path: Path, graph: NirGraph) -> None:
    """Write the graph so that nir 1.0.8 reads it; equal graphs give equal bytes."""
    with atomic_hdf5(path) as file:
        file.create_dataset("version", data=graph.version)
        _write_graph(file.create_group("node"), graph)


def unique_name(name: str, *taken: Collection[str]) -> str:
    """Return a name, with a number appended if it is in ``taken``."""
    candidate, count = name, 1
    while any(candidate in names for names in taken):
        count += 1
        candidate = f"{name}.{count}"
    return candidate


class _MalformedError(Exception):
    """The file is HDF5 but not laid out as NIR."""


def _read_file(file: Group) -> NirGraph:
    root = file.members.get("node")
    if not isinstance(root, Group) or not {"nodes", "edges"} <= set(root.members):
        raise _MalformedError("it is HDF5, but has no NIR graph in /node")
    return _read_graph(root, "/node", str(file.members.get("version", "unknown")))


def _read_graph(root: Group, where: str, version: str) -> NirGraph:
    stored, edges = root.members["nodes"], root.members["edges"]
    if not isinstance(stored, Group) or len(stored.members) > _MAX_NODES:
        raise _MalformedError(f"{where}/nodes is not a group of nodes")
    nodes = {name: _read_node(f"{where}/nodes/{name}", node, version) for name, node in stored.members.items()}
    if not isinstance(edges, np.ndarray) or (edges.size and (edges.dtype != object or edges.shape[1:] != (2,))):
        raise _MalformedError(f"{where}/edges is not a table of pairs of names")
    pairs = tuple((str(a), str(b)) for a, b in edges.reshape(-1, 2))
    metadata = root.members.get("metadata")
    further = {key: item for key, item in root.members.items() if key not in _OF_GRAPH}
    values = _values(Group(root.attrs, further))
    return NirGraph(nodes, pairs, _values(metadata) if isinstance(metadata, Group) else {}, version, values)


def _read_node(where: str, node: Group | Value, version: str) -> NirNode:
    if not isinstance(node, Group) or not isinstance(node.members.get("type"), str):
        raise _MalformedError(f"{where} has no type")
    kind = str(node.members["type"])
    if kind == "NIRGraph":
        if not {"nodes", "edges"} <= set(node.members):
            raise _MalformedError(f"{where} is a graph without nodes or edges")
        return NirNode(kind, {}, _read_graph(node, where, version))
    values = {key: value for key, value in _values(node).items() if key != "type"}
    for key in _SHAPES:
        if np.size(values.get(key, ())) > _MAX_AXES:
            raise _MalformedError(f"{where}/{key} is of {np.size(values[key])} axes")
    return NirNode(kind, values)


def _values(group: Group) -> dict[str, Any]:
    """Return the members of a group by name, with its attributes: NIR has none, so none may be ignored."""
    held = {key: _values(item) if isinstance(item, Group) else item for key, item in group.members.items()}
    return {**group.attrs, **held}


def _write_graph(group: h5py.Group, graph: NirGraph) -> None:
    group.create_dataset("type", data="NIRGraph")
    encoded = [[end.encode() for end in edge] for edge in graph.edges]
    group.create_dataset("edges", data=np.array(encoded, dtype="S").reshape(-1, 2))
    if graph.metadata:
        _write_group(group.create_group("metadata"), graph.metadata)
    nodes = group.create_group("nodes")
    for name, node in graph.nodes.items():
        member = nodes.create_group(name)
        if node.graph is not None:
            _write_graph(member, node.graph)
        else:
            member.create_dataset("type", data=node.type)
            _write_group(member, node.values)


def _write_group(group: h5py.Group, values: Mapping[str, Any]) -> None:
    for key, value in sorted(values.items()):
        if isinstance(value, Mapping):
            _write_group(group.create_group(key), value)
        else:
            group.create_dataset(key, data=value)
