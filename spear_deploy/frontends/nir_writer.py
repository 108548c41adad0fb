"""From a :class:`~spear_deploy.network.Network` back to a NIR file that any NIR tool can open.

The file is written in literal NIR (forward Euler) with the given dt; how the neurons compare and reset is
stored beside it in the metadata, so that reading it back needs no option.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from spear_deploy.frontends import nir_file
from spear_deploy.frontends.nir_file import NirGraph, NirNode
from spear_deploy.frontends.nir_neurons import node_of
from spear_deploy.frontends.nir_reader import METADATA_KEY
from spear_deploy.frontends.semantics import Semantics
from spear_deploy.network import (
    AvgPool2d,
    Conv2d,
    Flatten,
    Linear,
    LinearOp,
    Network,
    Projection,
    Scale,
    SumPool2d,
)
from spear_deploy.network.ops import Shape


def save(path: Path | str, network: Network, semantics: Semantics, **notes: str) -> None:
    """Write ``network``; ``notes`` are texts for the metadata (pruning history, quantisation)."""
    nir_file.write(Path(path), to_graph(network, semantics, **notes))


def to_graph(network: Network, semantics: Semantics, **notes: str) -> NirGraph:
    """Return the stored form of ``network``; equal networks give equal graphs."""
    dt = semantics.dt or 1.0
    nodes: dict[str, NirNode] = {}
    edges: list[tuple[str, str]] = []
    for population in network.populations:
        if population.is_input:
            nodes[population.name] = NirNode("Input", {"shape": np.array(population.shape)})
        else:
            nodes[population.name] = node_of(population, dt)
    for projection in network.projections:
        previous = projection.source
        for name, op, shape in _named_ops(projection, network[projection.source].shape):
            nodes[name] = _node(op, shape)
            edges.append((previous, name))
            previous = name
        edges.append((previous, projection.target))
    for output in network.outputs:
        name = "output" if len(network.outputs) == 1 else f"output.{output}"
        while name in nodes:
            name += "_"
        nodes[name] = NirNode("Output", {"shape": np.array(network[output].shape)})
        edges.append((output, name))
    written = replace(semantics, dt=dt, integration="euler", current_gain="literal", gain="literal", if_gain="literal")
    metadata = {METADATA_KEY: {"format": 1, "semantics": written.to_json(), **notes}}
    return NirGraph(dict(sorted(nodes.items())), tuple(edges), metadata)


def _named_ops(projection: Projection, shape: Shape) -> Iterator[tuple[str, LinearOp, Shape]]:
    """Name each operation of a chain: the last weighted one, else the last, carries the projection's name."""
    weighted = [index for index, op in enumerate(projection.ops) if isinstance(op, Conv2d | Linear)]
    main = weighted[-1] if weighted else len(projection.ops) - 1
    for index, op in enumerate(projection.ops):
        name = projection.name if index == main else f"{projection.name}.{type(op).__name__.lower()}{index}"
        yield name, op, shape
        shape = op.output_shape(shape)


def _node(op: LinearOp, shape: Shape) -> NirNode:
    match op:
        case Conv2d():
            bias = op.bias if op.bias is not None else np.zeros(op.weight.shape[0], np.float32)
            fields: dict[str, Any] = {"input_shape": np.array(shape[1:]), "weight": op.weight, "bias": bias}
            geometry = {"stride": op.stride, "padding": op.padding, "dilation": op.dilation}
            fields |= {key: np.array(pair) for key, pair in geometry.items()} | {"groups": op.groups}
            return NirNode("Conv2d", fields)
        case Linear(bias=None):
            return NirNode("Linear", {"weight": op.weight})
        case Linear():
            return NirNode("Affine", {"weight": op.weight, "bias": op.bias})
        case SumPool2d() | AvgPool2d():
            geometry = {"kernel_size": op.kernel, "stride": op.stride, "padding": op.padding}
            return NirNode(type(op).__name__, {key: np.array(pair) for key, pair in geometry.items()})
        case Flatten():
            return NirNode("Flatten", {"input_type": np.array(shape), "start_dim": 0, "end_dim": -1})
        case Scale():
            return NirNode("Scale", {"scale": op.factor})
