"""Writing a :class:`~spear_deploy.network.Network` as a NIR file that any NIR tool can open.

The file is written in literal NIR (forward Euler) with the given dt.  The metadata has how neurons compare and reset,
so that reading it back needs no option, and the resolutions of a network that was trained on integers.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from spear_deploy.errors import Finding, InputError
from spear_deploy.frontends.nir import file as nir_file
from spear_deploy.frontends.nir import population_semantics, resolution
from spear_deploy.frontends.nir.file import NirGraph, NirNode, unique_name
from spear_deploy.frontends.nir.loops import Edge, closing_edges
from spear_deploy.frontends.nir.neurons import NEURON_TYPES, is_threshold, node_of
from spear_deploy.frontends.nir.reader import METADATA_KEY
from spear_deploy.frontends.semantics import Semantics
from spear_deploy.network import (
    AvgPool2d,
    Conv2d,
    Flatten,
    Input,
    Linear,
    LinearOp,
    Network,
    Projection,
    Scale,
    SumPool2d,
)
from spear_deploy.network.ops import Shape

_LITERAL = ("dt", "integration", "current_gain", "gain", "if_gain", "start")
"""Fields of the semantics that are written as in NIR's own equations."""


def save(path: Path | str, network: Network, semantics: Semantics, **notes: Any) -> None:
    """Write ``network``; ``notes`` go into the metadata: texts, numbers, arrays, and mappings of these.

    Raises :class:`InputError` (E024) for neurons that these semantics cannot express.
    """
    nir_file.write(Path(path), to_graph(network, semantics, **notes))


def to_graph(network: Network, semantics: Semantics, **notes: Any) -> NirGraph:
    """Return the stored form of ``network``; equal networks give equal graphs.

    A delay is a Delay node after the source.  One-step delays that close loops are omitted, as in the files of other
    tools, if reading would put them back in the same places.  Comparison and floor are those of the neurons, by
    population where they differ.

    Raises :class:`InputError` (E024) with every population whose neurons these semantics cannot express.
    """
    _check(network, semantics)
    semantics = population_semantics.with_common_semantics(semantics, network)
    dt = semantics.dt or 1.0
    left_out = {p.name: p for p in network.projections if _may_be_implied(p, network)}
    nodes, edges, first = _join_graph(network, dt, left_out)
    if _implied_delays(nodes, edges) != {first[name] for name in left_out}:
        nodes, edges, _ = _join_graph(network, dt, ())
    literal = Semantics(dt)
    written = replace(semantics, **{key: getattr(literal, key) for key in _LITERAL})
    own = {**resolution.to_metadata(network), **population_semantics.to_metadata(network, semantics)}
    metadata = {METADATA_KEY: {"format": 1, "semantics": written.to_json(), **own, **notes}}
    return NirGraph(dict(sorted(nodes.items())), tuple(edges), metadata)


def _check(network: Network, semantics: Semantics) -> None:
    """Raise :class:`InputError` (E024) if a neuron's reset differs from the semantics."""
    said = "subtract" if semantics.reset == "subtract" else "value"
    findings = []
    for population in network.neurons:
        neuron = population.neuron
        if neuron.is_readout or is_threshold(neuron):
            continue
        lost = [] if neuron.reset == said else [f"reset {neuron.reset!r}"]
        if neuron.reset_delay and not semantics.reset_delay:
            lost.append("reset_delay True")
        if lost:
            message = f"its neurons have {', '.join(lost)}, which the semantics do not say: it would be lost"
            findings.append(Finding("E024", population.name, message, "give the semantics that these neurons have"))
    if findings:
        raise InputError(findings)


def _may_be_implied(projection: Projection, network: Network) -> bool:
    """Whether reading restores the projection's delay and name without a Delay node."""
    source, target = projection.source, projection.target
    in_loop = any(source in loop and target in loop for loop in network.loops)
    return projection.delay == 1 and in_loop and bool(projection.ops or projection.name == f"{source}-{target}")


def _implied_delays(nodes: Mapping[str, NirNode], edges: Collection[Edge]) -> frozenset[Edge]:
    """Return the edges that reading delays by a step."""
    named = {kind: [n for n, node in nodes.items() if node.type == kind] for kind in ("Input", "Output", "Delay")}
    neurons = {name for name, node in nodes.items() if node.type in NEURON_TYPES}
    return closing_edges(edges, neurons, named["Input"], named["Output"], set(named["Delay"]))


def _join_graph(
    network: Network, dt: float, implied: Collection[str]
) -> tuple[dict[str, NirNode], list[Edge], dict[str, Edge]]:
    """Return nodes, edges, and the first edge of each projection; ``implied`` projections get no Delay node."""
    nodes: dict[str, NirNode] = {}
    edges: list[Edge] = []
    first: dict[str, Edge] = {}
    for population in network.populations:
        if isinstance(population, Input):
            nodes[population.name] = NirNode("Input", {"shape": np.array(population.shape)})
        else:
            itself = any(p.source == p.target == population.name for p in network.projections)
            nodes[population.name] = node_of(population, dt, feeds_itself=itself)
    populations, reserved = set(nodes), {p.name for p in network.projections}

    def free(name: str, projection: Projection) -> str:
        is_own = name == projection.name and name not in populations
        return name if is_own else unique_name(name, nodes, reserved)

    for projection in network.projections:
        chain: list[tuple[str, NirNode]] = []
        shape = network[projection.source].shape
        if projection.delay and projection.name not in implied:
            name = f"{projection.name}.delay" if projection.ops else projection.name
            chain.append((free(name, projection), NirNode("Delay", {"delay": np.full(shape, projection.delay * dt)})))
        for name, op, into in _named_ops(projection, shape):
            chain.append((free(name, projection), _node(op, into)))
        nodes |= chain
        stations = [projection.source, *(name for name, _ in chain), projection.target]
        edges += pairwise(stations)
        first[projection.name] = (stations[0], stations[1])
    for output in network.outputs:
        name = unique_name("output" if len(network.outputs) == 1 else f"output.{output}", nodes)
        nodes[name] = NirNode("Output", {"shape": np.array(network[output].shape)})
        edges.append((output, name))
    return nodes, edges, first


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
