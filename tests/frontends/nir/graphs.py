"""NIR graphs for the tests of the frontends, as the reader sees them (stored fields, nothing inferred)."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from spear_deploy.frontends.nir.file import NirGraph, NirNode
from spear_deploy.frontends.semantics import Semantics

LITERAL = Semantics(dt=1.0)
"""NIR's own equations with a time step of 1."""


def node(kind: str, **values: Any) -> NirNode:
    """Return a stored node; lists become arrays."""
    return NirNode(kind, {key: np.array(value) if isinstance(value, list) else value for key, value in values.items()})


def port(kind: str, *shape: int) -> NirNode:
    """Return an Input or Output of a shape."""
    return node(kind, shape=np.array(shape))


def lif(*shape: int, tau: float = 2.0, r: float = 2.0, v_threshold: float = 1.0, **values: Any) -> NirNode:
    """Return a LIF population with equal neurons; by default its decay is 0.5 and its gain 1 for dt = 1."""
    fields = {"tau": tau, "r": r, "v_leak": 0.0, "v_threshold": v_threshold, **values}
    return node("LIF", **{key: np.full(shape, value) for key, value in fields.items()})


def summing(*shape: int) -> NirNode:
    """Return a readout that gives exactly its input: a LI with no memory."""
    return node("LI", **{key: np.full(shape, value) for key, value in {"tau": 1.0, "r": 1.0, "v_leak": 0.0}.items()})


def linear(rows: int, columns: int, seed: int = 0, bias: list[float] | None = None) -> NirNode:
    """Return a Linear, or with a bias an Affine, with random weights."""
    weight = np.random.default_rng(seed).normal(0, 1, (rows, columns)).astype(np.float32)
    return node("Linear", weight=weight) if bias is None else node("Affine", weight=weight, bias=bias)


def conv(out: int, inputs: int, kernel: tuple[int, int], **values: Any) -> NirNode:
    """Return a Conv2d with random weights, no padding and stride 1 unless told."""
    weight = np.random.default_rng(3).normal(0, 1, (out, inputs, *kernel)).astype(np.float32)
    fields = {"stride": [1, 1], "padding": [0, 0], "dilation": [1, 1], "groups": 1, "bias": np.zeros(out), **values}
    return node("Conv2d", weight=weight, **fields)


def chain(*nodes: NirNode, shape: tuple[int, ...]) -> NirGraph:
    """Return a graph input -> n0 -> n1 ... -> output; ``shape`` is the input's."""
    numbered = {f"n{index}": item for index, item in enumerate(nodes)}
    named = {"input": port("Input", *shape), **numbered, "output": port("Output", 1)}
    return NirGraph(named, tuple(pairwise(named)))


def nested(graph: NirGraph) -> NirNode:
    """Return a node that holds a graph."""
    return NirNode("NIRGraph", {}, graph)


def joined(nodes: dict[str, NirNode], edges: str) -> NirGraph:
    """Return a graph of named nodes; ``edges`` is text such as ``input>a a>output``."""
    return NirGraph(nodes, tuple(tuple(edge.split(">")) for edge in edges.split()))  # type: ignore[misc]
