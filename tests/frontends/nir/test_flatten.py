"""Nested graphs as flat ones: ports, names, and the departures that have one reading."""

from __future__ import annotations

from time import process_time

import numpy as np
import pytest

from spear_deploy.errors import InputError
from spear_deploy.frontends.nir.file import NirGraph, NirNode
from spear_deploy.frontends.nir.flatten import flatten
from spear_deploy.frontends.nir.reader import convert
from tests.frontends.nir.graphs import LITERAL, chain, joined, lif, linear, nested, port
from tests.frontends.nir.running import simulate

RECURRENT = {"lif": lif(3), "w_rec": linear(3, 3, 5, [0.5, 0.0, -0.5])}
LOOP = "lif>w_rec w_rec>lif"


def outer(inner: NirGraph, edges: str = "input>fc fc>sub sub>output") -> NirGraph:
    """A graph around a subgraph ``sub``."""
    nodes = {"input": port("Input", 2), "fc": linear(3, 2, 1), "sub": nested(inner), "output": port("Output", 3)}
    return joined(nodes, edges)


def flat() -> NirGraph:
    """The same network without nesting."""
    nodes = {"input": port("Input", 2), "fc": linear(3, 2, 1), "output": port("Output", 3)}
    dotted = {f"sub.{name}": item for name, item in RECURRENT.items()}
    return joined(nodes | dotted, "input>fc fc>sub.lif sub.lif>sub.w_rec sub.w_rec>sub.lif sub.lif>output")


INNER = {
    "as documented": (joined({**RECURRENT, "i": port("Input", 3), "o": port("Output", 3)}, f"i>lif {LOOP} lif>o"), 0),
    "outer size": (joined({**RECURRENT, "i": port("Input", 2), "o": port("Output", 9)}, f"i>lif {LOOP} lif>o"), 0),
    "misnamed": (
        joined(
            {"lif1": lif(3), "w_rec": RECURRENT["w_rec"], "i": port("Input", 3), "o": port("Output", 3)},
            f"i>lif {LOOP} lif>o",
        ),
        1,
    ),
}


@pytest.mark.parametrize("name", INNER)
def test_a_nested_layer_is_the_flat_one(name: str) -> None:
    """However its ports are written, the nested recurrent layer fires as the flat one does."""
    inner, repairs = INNER[name]
    imported = convert(outer(inner), LITERAL)
    x = np.random.default_rng(0).normal(0, 2, (20, 2, 2))
    expected = simulate(convert(flat(), LITERAL).network, x)["sub.lif"]
    assert 0 < expected.mean() < 1
    np.testing.assert_array_equal(simulate(imported.network, x)[imported.network.outputs[0]], expected)
    assert len([note for note in imported.notes if note.where.startswith("node")]) == repairs


def test_graphs_in_graphs() -> None:
    """Nesting of any depth gives dotted names, and ports that only pass on are not operations."""
    inner, _ = INNER["as documented"]
    passing = {"in": port("Input", 3), "sub": nested(inner), "out": port("Output", 3)}
    network = convert(outer(joined(passing, "in>sub sub>out")), LITERAL).network
    assert network.outputs == ("sub.sub.lif",)
    assert {(p.name, p.delay) for p in network.projections} == {("fc", 0), ("sub.sub.w_rec", 1)}


def test_edges_that_still_name_a_flattened_subgraph() -> None:
    """('fc', 'sub') where only sub.input, sub.lif, ... are left means the port, else the only neuron; with a note."""
    ports = {"sub.input": port("Input", 3), "sub.output": port("Output", 3)}
    graph = flat()
    inside = [edge for edge in graph.edges if "sub.w_rec" in edge]
    around = [("input", "fc"), ("fc", "sub"), ("sub", "output")]
    through = [("sub.input", "sub.lif"), ("sub.lif", "sub.output")]
    for nodes, edges in ((graph.nodes, around), (graph.nodes | ports, [*around, *through])):
        imported = convert(NirGraph(nodes, (*inside, *edges)), LITERAL)
        assert imported.network.content_hash == convert(graph, LITERAL).network.content_hash
        assert len([note for note in imported.notes if "subgraph" in note.message]) == 2


def test_large_flat_graphs() -> None:
    """Ten thousand nodes in a row, the most that are read, take no time that grows with their square."""
    graph = chain(*[linear(1, 1)] * 9998, shape=(1,))
    start = process_time()
    assert flatten(graph)[0].edges == graph.edges
    assert process_time() - start < 1.0


def test_a_subgraph_without_ports() -> None:
    """A chain without Input and Output is entered by its only root and left by its only leaf, with notes."""
    inner = joined({"a": linear(4, 3, 1), "n": lif(4), "b": linear(3, 4, 2), "m": lif(3)}, "a>n n>b b>m")
    imported = convert(outer(inner), LITERAL)
    assert imported.network.outputs == ("sub.m",)
    assert len(imported.notes) == 2


def test_documented_syntax_of_ports() -> None:
    """An edge may name the port of a subgraph, which needs to if there are two."""
    two = {"a": port("Input", 3), "b": port("Input", 3), "n": lif(3), "m": lif(3), "o": port("Output", 3)}
    inner = joined(two, "a>n b>m n>o m>o")
    network = convert(outer(inner, "input>fc fc>sub.a fc>sub.b sub>output"), LITERAL).network
    assert [p.name for p in network.populations] == ["input", "output.readout", "sub.m", "sub.n"]
    with pytest.raises(InputError) as caught:
        convert(outer(inner), LITERAL)
    assert [(f.code, f.where) for f in caught.value.findings] == [("E004", "node 'sub'")]
    assert "sub.a" in caught.value.findings[0].fix


@pytest.mark.parametrize("inner", [NirGraph({}, ()), joined({"a": lif(3), "b": lif(3)}, "")])
def test_subgraphs_that_cannot_be_entered(inner: NirGraph) -> None:
    """An empty subgraph, or one with two loose ends, is E004."""
    with pytest.raises(InputError) as caught:
        convert(outer(inner), LITERAL)
    assert {finding.code for finding in caught.value.findings} == {"E004"}


def test_names_that_clash() -> None:
    """A nested node and another one of its dotted name are E004."""
    inner, _ = INNER["as documented"]
    graph = outer(inner)
    _, findings = flatten(NirGraph({**graph.nodes, "sub.lif": lif(3)}, graph.edges))
    assert [(f.code, f.where) for f in findings] == [("E004", "node 'sub.lif'")]


def test_flat_graphs_are_left_alone() -> None:
    """A graph without subgraphs is returned as it is, names with dots included."""
    graph = flat()
    again, findings = flatten(graph)
    assert (again.nodes, again.edges, findings) == (graph.nodes, graph.edges, [])
    assert all(isinstance(item, NirNode) for item in again.nodes.values())
