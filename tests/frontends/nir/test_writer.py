"""Networks back to NIR: the same network after a round trip, and files that the nir package reads and writes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import nir
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from spear_deploy.errors import InputError
from spear_deploy.frontends import Semantics, load, save
from spear_deploy.frontends.nir.file import NirGraph
from spear_deploy.frontends.nir.reader import METADATA_KEY, convert
from spear_deploy.frontends.nir.writer import to_graph
from spear_deploy.frontends.semantics import PRESETS, from_toml, preset
from spear_deploy.network import Network
from spear_deploy.network.units import keep_units, unit_groups
from spear_deploy.resources import resource
from spear_deploy.simulate.simulator import FloatSimulator
from tests.frontends.nir.graphs import LITERAL, chain, conv, joined, lif, linear, node, port


def every_supported_node() -> NirGraph:
    """A graph with every supported node, a skip connection, and two sources of one linear node."""
    cuba = {"tau_syn": 3.0, "tau_mem": 4.0, "r": 2.0, "v_leak": 0.1, "v_threshold": 1.0, "w_in": 1.5, "v_reset": -0.25}
    nodes = {
        "input": port("Input", 2, 8, 8),
        "conv": conv(3, 2, (3, 3), padding=[1, 1], bias=np.array([0.1, 0.2, 0.3])),
        "lif": lif(3, 8, 8, v_leak=0.25, v_reset=0.125),
        "sum": node("SumPool2d", kernel_size=[2, 2], stride=[2, 2], padding=[0, 0]),
        "avg": node("AvgPool2d", kernel_size=[2, 2], stride=[2, 2], padding=[0, 0]),
        "a_scale": node("Scale", scale=np.full((3, 4, 4), 0.75, np.float32)),
        "if": node("IF", r=np.ones((3, 4, 4)), v_threshold=np.full((3, 4, 4), 1.5), v_reset=np.zeros((3, 4, 4))),
        "flat": node("Flatten", input_type=np.array([3, 4, 4]), start_dim=0, end_dim=-1),
        "affine": linear(6, 48, 1, [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]),
        "cuba": node("CubaLIF", **{key: np.full(6, value) for key, value in cuba.items()}),
        "linear": linear(5, 6, 2),
        "li": node("LI", tau=np.full(5, 3.0), r=np.full(5, 2.0), v_leak=np.zeros(5)),
        "output": port("Output", 5),
    }
    edges = "input>conv conv>lif lif>sum lif>avg sum>a_scale a_scale>if avg>if if>flat flat>affine affine>cuba"
    return joined(nodes, f"{edges} cuba>linear linear>li li>output")


def shared_weights() -> NirGraph:
    """A linear node with two sources and two targets, and weightless paths whose names sort otherwise."""
    nodes = {
        "input": port("Input", 3),
        "b": linear(3, 3, 1),
        "a": linear(3, 3, 2),
        "both": linear(4, 3, 3, [1.0, 2.0, 3.0, 4.0]),
        "p": lif(4),
        "q": lif(4),
        "z": node("Scale", scale=np.full(4, 0.5, np.float32)),
        "y": node("Scale", scale=np.full(4, 2.0, np.float32)),
        "m1": lif(4),
        "m0": lif(4),
        "end": lif(4),
        "output": port("Output", 4),
    }
    edges = "input>a input>b a>both b>both both>p both>q p>z z>m0 q>y y>m1 m0>end m1>end p>end end>output"
    return joined(nodes, edges)


def test_projections_named_as_populations() -> None:
    """Nodes have one space of names: the projection's gets another one, and neither is lost."""
    network = convert(chain(linear(3, 2), lif(3), shape=(2,)), LITERAL).network
    named = replace(network, projections=(replace(network.projections[0], name="n1"),))
    again = convert(to_graph(named, LITERAL), LITERAL).network
    assert [p.name for p in again.neurons] == ["n1"]
    np.testing.assert_array_equal(again.projections[0].ops[0].weight, network.projections[0].ops[0].weight)


def every_other_node() -> NirGraph:
    """A recurrent graph of the nodes that are left: maps of one dimension, delays, readouts, odd neurons."""
    mixed = {"tau": [4.0, np.inf, 2.0], "r": [2.0, np.inf, 1.0], "v_leak": [0.5, 0.0, 0.0], "v_threshold": [1.0] * 3}
    cuba = {"tau_syn": 3.0, "tau_mem": 4.0, "r": 2.0, "v_leak": 0.1, "w_in": 1.5}
    nodes = {
        "input": port("Input", 2, 6),
        "conv": node("Conv1d", weight=np.ones((2, 2, 3), np.float32), padding=1, bias=np.array([0.5, 0.0])),
        "threshold": node("Threshold", threshold=np.full((2, 6), 1.5)),
        "spread": node("Delay", delay=np.arange(12.0).reshape(2, 6) % 3),
        "flat": node("Flatten", input_type=np.array([2, 6]), start_dim=0, end_dim=-1),
        "w": linear(3, 12, 1),
        "mixed": node("LIF", **mixed),
        "w_rec": linear(3, 3, 2, [0.1, 0.2, 0.3]),
        "late": node("Delay", delay=np.full(3, 2.0)),
        "i": node("I", r=np.full(3, 0.5)),
        "cuba": node("CubaLI", **{key: np.full(3, value) for key, value in cuba.items()}),
        "first": port("Output", 3),
        "second": port("Output", 3),
    }
    edges = "input>conv conv>threshold threshold>spread spread>flat flat>w w>mixed mixed>w_rec w_rec>mixed"
    return joined(nodes, f"{edges} mixed>late late>i mixed>cuba i>first cuba>second")


GRAPHS = {
    "every other node": every_other_node,
    "every node": every_supported_node,
    "shared weights": shared_weights,
    "linear output": lambda: chain(linear(2, 3, 0, [1.0, 2.0]), shape=(3,)),
}


def assert_round_trip(network: Network, semantics: Semantics, folder: Path) -> None:
    """Write, read and write again: equal hash and equal bytes; metadata says all that reading needs."""
    save(folder / "one.nir", network, semantics)
    again = load(folder / "one.nir")
    assert again.network.content_hash == network.content_hash
    save(folder / "two.nir", again.network, again.semantics)
    assert (folder / "two.nir").read_bytes() == (folder / "one.nir").read_bytes()


@pytest.mark.parametrize("name", GRAPHS)
def test_round_trip_of_graphs(name: str, tmp_path: Path) -> None:
    """Every supported node, skips, shared and weightless paths come back with the same content hash."""
    imported = convert(GRAPHS[name](), LITERAL)
    assert_round_trip(imported.network, imported.semantics, tmp_path)


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("reset", ["value", "zero", "subtract"])
@pytest.mark.parametrize("reset_delay", [False, True])
def test_round_trip_of_semantics(name: str, reset: str, reset_delay: bool, tmp_path: Path) -> None:
    """Whatever the neurons' conventions, the file that we write is read as the same neurons."""
    semantics = replace(preset(name), dt=0.5, reset=reset, reset_delay=reset_delay)
    imported = convert(every_supported_node(), semantics)
    assert_round_trip(imported.network, imported.semantics, tmp_path)


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("reset_delay", [False, True])
def test_round_trip_of_neurons_of_every_kind(name: str, reset_delay: bool, tmp_path: Path) -> None:
    """Readouts, thresholds and recurrent neurons keep their own resets beside the others' conventions."""
    for reset in ("zero", "subtract"):
        imported = convert(every_other_node(), replace(preset(name), dt=1.0, reset=reset, reset_delay=reset_delay))
        assert_round_trip(imported.network, imported.semantics, tmp_path)


@pytest.mark.parametrize(
    "name", ["braille_srnn_zero", "braille_srnn_subtract_nested", "snntorch_rleaky_subtract_rowmnist"]
)
def test_round_trip_of_recurrent_networks(name: str, shared: Path, tmp_path: Path) -> None:
    """Real recurrent networks come back with their hash, without a Delay node that other tools would not expect."""
    imported = load(shared / f"nir/{name}.nir", preset("snntorch"))
    assert imported.network.loops
    assert_round_trip(imported.network, imported.semantics, tmp_path)
    assert "Delay" not in {type(item).__name__ for item in nir.read(tmp_path / "one.nir").nodes.values()}


def test_round_trip_of_the_digits_example(tmp_path: Path) -> None:
    """A network that snnTorch exported survives, whole and pruned."""
    semantics = from_toml(resource("examples/digits/semantics.toml"))
    network = load(resource("examples/digits/digits.nir"), semantics).network
    assert_round_trip(network, semantics, tmp_path)
    halves = {group.name: np.arange(0, group.units, 2) for group in unit_groups(network).groups}
    assert_round_trip(keep_units(network, halves), semantics, tmp_path)


@settings(max_examples=30, deadline=None)
@given(st.floats(0.01, 100), st.floats(1.01, 1000), st.floats(0.01, 100), st.floats(-1, 0.5), st.floats(1e-4, 1))
def test_parameters_are_exact(r: float, tau: float, threshold: float, leak: float, scale: float) -> None:
    """Any decay, gain, leak and threshold is the same float32 after writing and reading, whatever dt is."""
    neuron = lif(3, tau=tau * scale, r=r, v_threshold=threshold, v_leak=leak)
    imported = convert(chain(linear(3, 2), neuron, shape=(2,)), replace(LITERAL, dt=scale))
    again = convert(to_graph(imported.network, imported.semantics), imported.semantics)
    assert again.network.content_hash == imported.network.content_hash


def test_order_of_nodes_and_edges_does_not_matter() -> None:
    """The same graph listed backwards gives the same network."""
    graph = shared_weights()
    backwards = NirGraph(dict(reversed(graph.nodes.items())), tuple(reversed(graph.edges)))
    one, two = convert(graph, LITERAL).network, convert(backwards, LITERAL).network
    assert one.content_hash == two.content_hash


def test_notes_are_kept_in_the_metadata(tmp_path: Path) -> None:
    """Semantics and pruning history travel in the file, next to what other tools had written there."""
    imported = convert(every_supported_node(), LITERAL)
    save(tmp_path / "noted.nir", imported.network, LITERAL, kept_units="{}")
    metadata = load(tmp_path / "noted.nir").network.metadata[METADATA_KEY]
    assert metadata["kept_units"] == "{}"
    assert '"dt": 1.0' in metadata["semantics"]


@pytest.mark.parametrize("name", GRAPHS)
def test_nir_reads_what_we_write(name: str, tmp_path: Path) -> None:
    """The nir package opens our files with its type check on, and its own copy is the same network to us."""
    imported = convert(GRAPHS[name](), LITERAL)
    path, copy = tmp_path / "ours.nir", tmp_path / "theirs.nir"
    save(path, imported.network, LITERAL)
    theirs = nir.read(path, type_check=name != "every other node")  # nir 1.0.8 misreads kernels that are not square
    nir.write(copy, theirs)
    assert load(copy).network.content_hash == imported.network.content_hash


def test_nir_reads_the_same_parameters(tmp_path: Path) -> None:
    """Types and values of the nodes in our file are those that NIR defines, to its own reader."""
    imported = convert(every_supported_node(), LITERAL)
    save(tmp_path / "ours.nir", imported.network, LITERAL)
    nodes = nir.read(tmp_path / "ours.nir").nodes
    assert {name: type(nodes[name]).__name__ for name in ("lif", "if", "cuba", "li", "conv", "affine", "linear")} == {
        "lif": "LIF",
        "if": "IF",
        "cuba": "CubaLIF",
        "li": "LI",
        "conv": "Conv2d",
        "affine": "Affine",
        "linear": "Linear",
    }
    np.testing.assert_allclose(nodes["lif"].tau, np.full((3, 8, 8), 2.0), rtol=1e-6)
    np.testing.assert_allclose(nodes["lif"].v_leak, np.full((3, 8, 8), 0.25), rtol=1e-6)
    np.testing.assert_allclose(nodes["cuba"].tau_syn, np.full(6, 3.0), rtol=1e-6)
    np.testing.assert_allclose(nodes["cuba"].v_reset, np.full(6, -0.25))
    np.testing.assert_array_equal(nodes["conv"].bias, np.array([0.1, 0.2, 0.3], np.float32))


def test_we_read_what_nir_writes(tmp_path: Path) -> None:
    """A graph built with the nir package, every supported node in it, gives the same spikes as its stored form."""
    stored = every_supported_node()
    built = {
        name: getattr(nir, item.type)(**{k: v for k, v in item.values.items() if k not in ("shape", "input_type")})
        for name, item in stored.nodes.items()
        if item.type not in ("Input", "Output", "Conv2d", "Flatten")
    }
    weights = stored.nodes["conv"].values
    built |= {
        "input": nir.Input({"input": np.array([2, 8, 8])}),
        "output": nir.Output({"output": np.array([5])}),
        "conv": nir.Conv2d((8, 8), weights["weight"], 1, 1, 1, 1, weights["bias"]),
        "flat": nir.Flatten(start_dim=0, end_dim=-1, input_type={"input": np.array([3, 4, 4])}),
    }
    nir.write(tmp_path / "theirs.nir", nir.NIRGraph(nodes=built, edges=list(stored.edges)))
    ours, theirs = convert(stored, LITERAL).network, load(tmp_path / "theirs.nir", LITERAL).network
    assert theirs.content_hash == ours.content_hash
    x = torch.from_numpy((np.random.default_rng(0).random((6, 2, 2, 8, 8)) < 0.5).astype(np.float32))
    with torch.no_grad():
        out, expected = FloatSimulator(theirs)({"input": x}), FloatSimulator(ours)({"input": x})
    assert all(float(value.sum()) > 0 for name, value in out.items() if name != "li")
    assert all(torch.equal(out[name], expected[name]) for name in out)


def test_carried_semantics_are_not_overruled_silently(tmp_path: Path) -> None:
    """A file that carries its semantics is not read with others (E024); single fields may be overridden."""
    network = convert(every_supported_node(), LITERAL).network
    save(tmp_path / "own.nir", network, LITERAL)
    carried = load(tmp_path / "own.nir").semantics
    assert load(tmp_path / "own.nir", carried).network.content_hash == network.content_hash
    with pytest.raises(InputError, match="E024"):
        load(tmp_path / "own.nir", preset("sinabs"))
    assert load(tmp_path / "own.nir", None, {"compare": "ge"}).network.neurons[0].neuron.compare == "ge"


@pytest.mark.parametrize(
    ("own", "lost"),
    [
        ({"reset": "subtract", "reset_delay": True}, "reset 'subtract', reset_delay True"),
    ],
)
def test_neurons_that_semantics_would_not_give_back(own: dict[str, object], lost: str, tmp_path: Path) -> None:
    """E024 names each population of them and what would be lost; nothing is written."""
    network = convert(every_supported_node(), replace(LITERAL, **own)).network  # type: ignore[arg-type]
    with pytest.raises(InputError, match="E024") as raised:
        save(tmp_path / "net.nir", network, LITERAL)
    assert [finding.where for finding in raised.value.findings] == ["lif", "if", "cuba"]
    assert all(lost in finding.message for finding in raised.value.findings)
    assert not (tmp_path / "net.nir").exists()
    save(tmp_path / "net.nir", network, replace(LITERAL, **own))  # type: ignore[arg-type]
    assert load(tmp_path / "net.nir").network.content_hash == network.content_hash
