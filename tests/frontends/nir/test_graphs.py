"""Any graph that the nir package can write is read or refused with a reason; what is read is written back exactly."""

from __future__ import annotations

import tempfile
from itertools import pairwise
from pathlib import Path

import nir
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spear_deploy.errors import InputError, UnsupportedError
from spear_deploy.frontends import load, save
from spear_deploy.frontends.nir.file import NirGraph, NirNode, read
from spear_deploy.frontends.nir.reader import convert
from spear_deploy.frontends.semantics import PRESETS, Semantics, preset
from tests.frontends.nir.test_writer import GRAPHS

Shape = tuple[int, ...]

SHAPES: tuple[Shape, ...] = ((4,), (2, 6), (2, 4, 4))
NEURONS = ("I", "IF", "LI", "LIF", "CubaLI", "CubaLIF", "Threshold")
STEPS = {1: ("Affine", "Linear"), 2: ("Conv1d",), 3: ("Conv2d", "SumPool2d", "AvgPool2d")}
FIELDS = {
    "I": {"r": 1.0},
    "IF": {"r": 1.0, "v_threshold": 1.0},
    "LI": {"tau": 4.0, "r": 2.0, "v_leak": 0.0},
    "LIF": {"tau": 4.0, "r": 2.0, "v_leak": 0.0, "v_threshold": 1.0},
    "CubaLI": {"tau_syn": 3.0, "tau_mem": 4.0, "r": 2.0, "v_leak": 0.25},
    "CubaLIF": {"tau_syn": 3.0, "tau_mem": 4.0, "r": 2.0, "v_leak": 0.0, "v_threshold": 1.0},
    "Threshold": {"threshold": 1.0},
}


def neuron(kind: str, shape: Shape) -> nir.NIRNode:
    return getattr(nir, kind)(**{key: np.full(shape, value) for key, value in FIELDS[kind].items()})


def shared_node(kind: str, shape: Shape, rng: np.random.Generator) -> nir.NIRNode:
    """A node that keeps a shape."""
    size, channels = shape[0], shape[0]
    match kind:
        case "Affine":
            return nir.Affine(rng.normal(0, 1, (size, size)), rng.normal(0, 1, size))
        case "Linear":
            return nir.Linear(rng.normal(0, 1, (size, size)).astype(np.float32))
        case "Conv1d":
            return nir.Conv1d(shape[1], rng.normal(0, 1, (channels, channels, 3)), 1, 1, 1, 1, np.ones(channels))
        case "Conv2d":
            weight = rng.normal(0, 1, (channels, channels, 3, 3))
            return nir.Conv2d(shape[1:], weight, 1, "same", 1, 1, np.zeros(channels))
        case "SumPool2d" | "AvgPool2d":
            return getattr(nir, kind)(np.array([3, 3]), np.array([1, 1]), np.array([1, 1]))
        case "Scale":
            return nir.Scale(rng.normal(0, 1, shape))
        case "Delay":
            return nir.Delay(rng.integers(0, 3, shape if rng.random() < 0.5 else ()) * np.ones(shape))
        case _:
            return neuron(kind, shape)


def subgraph(shape: Shape, rng: np.random.Generator) -> nir.NIRGraph:
    """A recurrent layer as exporters nest it: sometimes with misnamed ends, or without its ports."""
    weighted = STEPS[len(shape)][0]
    nodes = {"lif": neuron("LIF", shape), "w": shared_node(weighted, shape, rng)}
    edges = [("lif", "w"), ("w", "lif")]
    if rng.random() < 0.8:
        nodes |= {"input": nir.Input(np.array(shape)), "output": nir.Output(np.array(shape))}
        edges += [("input", "lif"), ("lif", "output")]
    if rng.random() < 0.3:
        nodes["other"] = nodes.pop("lif")
    return nir.NIRGraph(nodes, edges, type_check=False)


@st.composite
def nir_graphs(draw: st.DrawFn) -> nir.NIRGraph:
    """Graphs over all node types in any order, with loops, sums, several ports, and here and there a mistake."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = draw(st.sampled_from(SHAPES))
    kinds = st.sampled_from((*NEURONS, *STEPS[len(shape)], *STEPS[len(shape)], "Scale", "Delay", "NIRGraph"))
    nodes: dict[str, nir.NIRNode] = {
        f"in{index}": nir.Input(np.array(shape)) for index in range(draw(st.integers(1, 2)))
    }
    inner = []
    for index, kind in enumerate(draw(st.lists(kinds, min_size=1, max_size=6))):
        inner.append(f"n{index}")
        nodes[inner[-1]] = subgraph(shape, rng) if kind == "NIRGraph" else shared_node(kind, shape, rng)
    if draw(st.booleans()):
        inner.append("flat")
        nodes["flat"] = nir.Flatten({"input": np.array(shape)}, draw(st.sampled_from([0, 0, 1])), -1)
    outputs = [f"out{index}" for index in range(draw(st.integers(1, 2)))]
    nodes |= {name: nir.Output(np.array(shape)) for name in outputs}
    edges = [("in0", inner[0]), *pairwise(inner), (inner[-1], "out0")]
    starts, ends = st.sampled_from([*nodes][: -len(outputs)]), st.sampled_from([*inner, *outputs])
    edges += draw(st.lists(st.tuples(starts, ends), max_size=4))
    if draw(st.integers(0, 9)) == 7:
        nodes[draw(st.sampled_from(inner))] = neuron("LIF", draw(st.sampled_from(SHAPES)))
    if draw(st.integers(0, 9)) == 7:
        edges.append((draw(st.sampled_from(inner)), "nowhere"))
    edges = edges if draw(st.integers(0, 9)) == 7 else list(dict.fromkeys(edges))
    return nir.NIRGraph(nodes, edges, type_check=False)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(nir_graphs(), st.sampled_from(sorted(PRESETS)))
def test_every_graph_is_read_or_refused(graph: nir.NIRGraph, name: str) -> None:
    """No graph ends in a traceback, and what was read comes back with the same hash, to us and to nir."""
    with tempfile.TemporaryDirectory() as folder:
        theirs, ours, copy = (Path(folder, name) for name in ("theirs.nir", "ours.nir", "copy.nir"))
        nir.write(theirs, graph)
        try:
            imported = load(theirs, preset(name), {"dt": 1.0})
        except (InputError, UnsupportedError):
            return
        save(ours, imported.network, imported.semantics)
        assert load(ours).network.content_hash == imported.network.content_hash
        # nir 1.0.8 infers a wrong shape for kernels that are not square, as those of a Conv1d are here.
        square = all(node.values["weight"].shape[2] == 3 for node in read(ours).nodes.values() if node.type == "Conv2d")
        nir.write(copy, nir.read(ours, type_check=square))
        assert load(copy).network.content_hash == imported.network.content_hash


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(nir_graphs(), st.randoms())
def test_the_order_of_nodes_and_edges_says_nothing(graph: nir.NIRGraph, random) -> None:
    """HDF5 loses the order of nodes: the same graph in any order gives the same network, or the same findings."""
    with tempfile.TemporaryDirectory() as folder:
        nir.write(Path(folder, "graph.nir"), graph)
        stored = read(Path(folder, "graph.nir"))

    def outcome(nodes, edges) -> object:
        try:
            return convert(type(stored)(dict(nodes), tuple(edges)), Semantics(dt=1.0)).network.content_hash
        except (InputError, UnsupportedError) as error:
            return {(finding.code, finding.where) for finding in error.findings}

    nodes, edges = list(stored.nodes.items()), list(stored.edges)
    expected = outcome(nodes, edges)
    random.shuffle(nodes)
    random.shuffle(edges)
    assert outcome(nodes, edges) == expected


JUNK = (
    None,
    "text",
    {"a": 1},
    True,
    -1,
    0,
    3,
    1e300,
    np.nan,
    np.array([]),
    np.ones(3),
    -np.ones((2, 3)),
    np.full((1, 2, 6), np.inf),
    np.ones((2, 2, 3), np.complex128),
    np.array(["a", "b"], dtype="S"),
    np.array([1, "x"], dtype=object),
)


@pytest.mark.parametrize("name", ["every node", "every other node"])
def test_any_value_in_any_field(name: str) -> None:
    """Whatever stands in a field, the graph is read or refused with a coded finding, and absent is not an exception."""
    graph = GRAPHS[name]()
    refused = 0
    for at, item in graph.nodes.items():
        for key in item.values:
            rest = {k: v for k, v in item.values.items() if k != key}
            for values in (rest, *({**rest, key: junk} for junk in JUNK)):
                try:
                    convert(NirGraph({**graph.nodes, at: NirNode(item.type, values)}, graph.edges), Semantics(dt=1.0))
                except (InputError, UnsupportedError):
                    refused += 1
    assert refused > 200


@pytest.mark.parametrize("kind", [*NEURONS, "Affine", "Linear", "Scale", "Delay"])
def test_every_type_is_read(kind: str) -> None:
    """Each vector node between an input and a LIF is read without an error."""
    graph = nir.NIRGraph(
        {
            "in": nir.Input(np.array([4])),
            "n": shared_node(kind, (4,), np.random.default_rng(0)),
            "lif": neuron("LIF", (4,)),
            "out": nir.Output(np.array([4])),
        },
        [("in", "n"), ("n", "lif"), ("lif", "out")],
    )
    with tempfile.TemporaryDirectory() as folder:
        nir.write(Path(folder, "graph.nir"), graph)
        network = load(Path(folder, "graph.nir"), Semantics(dt=1.0)).network
    assert network.outputs == ("lif",)
    assert ("n" in network.order) == (kind in NEURONS)
