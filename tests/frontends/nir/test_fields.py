"""Fields that no reader knows are refused by name; those that say nothing are not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import nir
import numpy as np
import pytest

import spear_deploy
from spear_deploy.errors import Finding, SpearError, UnsupportedError
from spear_deploy.frontends import load
from spear_deploy.frontends.nir.fields import FIELDS
from spear_deploy.frontends.nir.file import NirGraph, NirNode, write
from spear_deploy.frontends.nir.reader import SUPPORTED_TYPES, convert
from tests.frontends.nir.graphs import LITERAL, chain, lif, linear, nested, port

NETWORK = chain(linear(3, 2), lif(3), shape=(2,))


def refused(graph: NirGraph) -> list[Finding]:
    with pytest.raises(UnsupportedError) as caught:
        convert(graph, LITERAL)
    return [finding for finding in caught.value.findings if finding.code == "E026"]


def with_field(kind: str, **values: Any) -> NirGraph:
    """Return a graph with a node of a type that stores a field; it need not be executable otherwise."""
    fields = dict.fromkeys(FIELDS[kind], np.ones(2)) if kind not in ("Input", "Output") else {"shape": np.array([2])}
    return NirGraph({**NETWORK.nodes, "odd": NirNode(kind, {**fields, **values})}, NETWORK.edges)


def test_every_type_has_its_fields() -> None:
    """The table of fields covers what is read, and is nir's own."""
    assert set(FIELDS) == set(SUPPORTED_TYPES)
    for kind in set(FIELDS) - {"Input", "Output", "NIRGraph"}:
        own = set(getattr(nir, kind).__dataclass_fields__) - {"input_type", "output_type", "metadata", "input_shape"}
        assert set(FIELDS[kind]) == own, kind


@pytest.mark.parametrize("kind", sorted(set(FIELDS) - {"NIRGraph"}))
@pytest.mark.parametrize("field", ["refractory_time", "ceil_mode", "anything"])
def test_an_unknown_field_is_named(kind: str, field: str) -> None:
    """Whatever the type of node, and whether the field's value is zero or not."""
    for value in (np.zeros(2), True, "text", {"nested": np.ones(1)}):
        (finding,) = refused(with_field(kind, **{field: value}))
        assert finding.where == "node 'odd'"
        assert f"{field!r}" in finding.message
        assert finding.fix


@pytest.mark.parametrize(
    ("kind", "field", "fix"),
    [
        ("Linear", "bias", "Affine"),
        ("Scale", "bias", "Affine"),
        ("AvgPool2d", "count_include_pad", "counts the padding"),
        ("SumPool2d", "ceil_mode", "do not fit"),
        ("LIF", "refractory_time", "refractory period"),
        ("LIF", "v_treshold", "did you mean 'v_threshold'?"),
        ("IF", "tau", "IF has r, v_threshold, v_reset"),
    ],
)
def test_the_fix_says_what_to_do(kind: str, field: str, fix: str) -> None:
    """A field that another node has, or a misspelt one, comes with that node or name."""
    (finding,) = refused(with_field(kind, **{field: np.ones(2)}))
    assert fix in finding.fix


def test_fields_that_say_nothing() -> None:
    """Types, shapes, metadata and versions may be stored with any node."""
    graph = NETWORK
    for key in ("input_type", "output_type", "metadata", "version", "input_shape"):
        nodes = {name: NirNode(n.type, {**n.values, key: {"a": np.ones(1)}}) for name, n in graph.nodes.items()}
        convert(NirGraph({**nodes, "input": graph.nodes["input"]}, graph.edges), LITERAL)
    absent = {**graph.nodes, "n1": NirNode("LIF", {**graph.nodes["n1"].values, "refractory_time": None})}
    convert(NirGraph(absent, graph.edges), LITERAL)


def test_fields_in_a_file(tmp_path: Path) -> None:
    """In data sets, attributes and groups, of nodes, nested nodes and graphs alike; all are told at once."""
    inner = NirGraph({"i": port("Input", 3), "f": lif(3), "o": port("Output", 3)}, (("i", "f"), ("f", "o")))
    write(tmp_path / "odd.nir", chain(linear(3, 2), nested(inner), shape=(2,)))
    with h5py.File(tmp_path / "odd.nir", "r+") as file:
        file["node/nodes/n0/bias"] = np.ones(3)
        file["node/nodes/n1/nodes/f"].attrs["t_ref"] = 2.0
        file["node/nodes/n1/dropout"] = 0.5
        file["node/global_inhibition/strength"] = 1.0
        file["node/input_type/input"] = np.array([2])
    with pytest.raises(UnsupportedError) as caught:
        load(tmp_path / "odd.nir", LITERAL)
    told = {finding.where: finding.message.split("'")[1] for finding in caught.value.findings}
    expected = {"node 'n0'": "bias", "node 'n1.f'": "t_ref", "node 'n1'": "dropout", "graph": "global_inhibition"}
    assert told == expected


def test_attributes_of_a_graph_in_memory() -> None:
    """What was set on a node of the nir package is not a field of its class."""
    lif_node = nir.LIF(tau=np.ones(2), r=np.ones(2), v_leak=np.zeros(2), v_threshold=np.ones(2))
    lif_node.refractory_time = 2.0
    nodes = {"i": nir.Input(np.array([2])), "n": lif_node, "o": nir.Output(np.array([2]))}
    with pytest.raises(SpearError, match="refractory_time"):
        spear_deploy.load(nir.NIRGraph(nodes, [("i", "n"), ("n", "o")]), LITERAL)


def test_a_thousand_fields_are_told_in_a_few_words() -> None:
    """A hostile file does not make an endless message."""
    (finding,) = refused(with_field("LIF", **{f"{n:04}{'x' * 1000}": np.ones(1) for n in range(1000)}))
    assert "and 995 more" in finding.message
    assert len(str(finding)) < 1500
