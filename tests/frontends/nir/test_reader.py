"""From stored NIR to networks: what is tolerated with a note, what is refused, and that sums are sums."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from spear_deploy.data import DataOptions, load_data
from spear_deploy.errors import Finding, InputError, SpearError, UnsupportedError
from spear_deploy.frontends import Imported, load
from spear_deploy.frontends.nir import file as nir_file
from spear_deploy.frontends.nir.file import NirGraph, NirNode
from spear_deploy.frontends.nir.neurons import NEURON_TYPES
from spear_deploy.frontends.nir.reader import convert
from spear_deploy.frontends.semantics import PRESETS, Semantics, from_toml, preset
from spear_deploy.network import Conv2d, Linear, Network
from spear_deploy.resources import resource
from spear_deploy.simulate.simulator import FloatSimulator
from tests.frontends.nir.graphs import LITERAL, chain, conv, joined, lif, linear, node, port, summing
from tests.frontends.nir.running import simulate


def membrane(network: Network, x: np.ndarray) -> np.ndarray:
    """Run values (T, B, *shape) through a network and return its output (T, B, *shape)."""
    return simulate(network, x)[network.outputs[0]]


def findings(graph: NirGraph, semantics: Semantics = LITERAL) -> list[Finding]:
    with pytest.raises(SpearError) as caught:
        convert(graph, semantics)
    return list(caught.value.findings)


# What is read


def test_several_edges_are_a_sum_and_a_bias_acts_once() -> None:
    """Two sources into one Affine, and two paths into one neuron, add up; each bias is added a single time."""
    a, b = linear(4, 3, 1, [1.0, 2.0, 3.0, 4.0]), linear(4, 3, 2)
    shared = linear(2, 4, 3, [10.0, 20.0])
    nodes = {"input": port("Input", 3), "a": a, "b": b, "c": shared, "out": summing(2), "output": port("Output", 2)}
    graph = joined(nodes, "input>a input>b a>c b>c c>out out>output")
    x = np.random.default_rng(0).normal(0, 1, (2, 5, 3))
    value = x @ (a.values["weight"] + b.values["weight"]).T + a.values["bias"]
    expected = value @ shared.values["weight"].T + shared.values["bias"]
    np.testing.assert_allclose(membrane(convert(graph, LITERAL).network, x), expected, rtol=1e-5, atol=1e-5)


def test_skip_connection_without_weights() -> None:
    """An edge from one population straight into another is the identity, added to what else arrives."""
    a = linear(3, 3, 1)
    first = replace(summing(3))
    nodes = {"input": port("Input", 3), "n": first, "a": a, "out": summing(3), "output": port("Output", 3)}
    x = np.random.default_rng(0).normal(0, 1, (2, 4, 3))
    network = convert(joined(nodes, "input>n n>a a>out n>out out>output"), LITERAL).network
    np.testing.assert_allclose(membrane(network, x), x @ a.values["weight"].T + x, rtol=1e-5, atol=1e-6)


def test_projections_have_names_of_their_own() -> None:
    """A linear node that feeds two populations becomes two projections with different names."""
    nodes = {"input": port("Input", 3), "a": linear(3, 3), "p": lif(3), "q": lif(3), "out": lif(3)}
    graph = joined({**nodes, "output": port("Output", 3)}, "input>a a>p a>q p>out q>out out>output")
    names = [projection.name for projection in convert(graph, LITERAL).network.projections]
    assert len(names) == len(set(names)) == 4


def test_unreached_nodes_are_left_out_with_a_note() -> None:
    """A linear node that nothing feeds neither stops the import nor silences the neurons behind it."""
    nodes = {"input": port("Input", 3), "a": linear(2, 3, 1), "stray": linear(2, 3, 2), "out": summing(2)}
    graph = joined({**nodes, "output": port("Output", 2)}, "input>a a>out stray>out out>output")
    imported = convert(graph, LITERAL)
    assert [(note.code, note.where) for note in imported.notes] == [("N006", "node 'stray'")]
    x = np.ones((1, 1, 3))
    np.testing.assert_allclose(membrane(imported.network, x)[0, 0], nodes["a"].values["weight"].sum(1), rtol=1e-5)


def test_population_that_reaches_no_output_is_left_out() -> None:
    """Neurons that nothing reads cost nothing: they are not part of the network."""
    nodes = {"input": port("Input", 3), "a": linear(2, 3), "n": lif(2), "b": linear(4, 2), "dead": lif(4)}
    graph = joined({**nodes, "output": port("Output", 2)}, "input>a a>n n>b b>dead n>output")
    assert {population.name for population in convert(graph, LITERAL).network.populations} == {"input", "n"}


def test_linear_output_becomes_a_readout() -> None:
    """An Affine straight into Output is read as a membrane without memory, with a note."""
    imported = convert(chain(linear(2, 3, 0, [1.0, 2.0]), shape=(3,)), LITERAL)
    assert [note.code for note in imported.notes] == ["N006"]
    np.testing.assert_allclose(membrane(imported.network, np.zeros((3, 1, 3)))[:, 0], [[1.0, 2.0]] * 3)


def test_missing_optional_fields() -> None:
    """v_reset, w_in, input_shape, stride, dilation and groups may be missing; the defaults are NIR's."""
    bare = conv(2, 1, (3, 3))
    fields = {key: value for key, value in bare.values.items() if key in ("weight", "bias", "padding")}
    shape = (2, 4, 4)
    cuba = {key: np.full(shape, 2.0) for key in ("tau_syn", "tau_mem", "r", "v_threshold")}
    graph = chain(node("Conv2d", **fields), node("CubaLIF", **cuba, v_leak=np.zeros(shape)), shape=(1, 6, 6))
    network = convert(graph, LITERAL).network
    neuron = network["n1"].neuron
    assert not neuron.reset_value.any()
    np.testing.assert_array_equal(neuron.gain, np.full(shape, 0.5))  # r * dt/tau_mem * w_in * dt/tau_syn
    (op,) = network.projections[0].ops
    assert (op.stride, op.dilation, op.groups, op.bias) == ((1, 1), (1, 1), 1, None)


def test_reset_value_is_read() -> None:
    """v_reset is the value after a spike, and the start, unless the semantics say zero or subtract."""
    graph = chain(linear(3, 2), lif(3, v_reset=-0.5), shape=(2,))
    assert convert(graph, LITERAL).network["n1"].neuron.reset_value.tolist() == [-0.5] * 3
    for reset in ("zero", "subtract"):
        assert not convert(graph, replace(LITERAL, reset=reset)).network["n1"].neuron.reset_value.any()


@pytest.mark.parametrize(
    ("stored", "expected"), [((1, 3), (3,)), ((1, 2, 5, 5), (2, 5, 5)), ((1, 1, 2, 5, 5), (2, 5, 5))]
)
def test_batch_axes_of_the_input_are_removed(stored: tuple[int, ...], expected: tuple[int, ...]) -> None:
    """A batch axis in front of the input's shape is removed, and a note says so."""
    graph = chain(lif(*expected), shape=stored)
    imported = convert(graph, LITERAL)
    assert imported.network["input"].shape == expected
    assert {(note.code, note.where) for note in imported.notes} == {("N006", "node 'input'")}


def test_batch_axis_of_parameters_is_removed() -> None:
    """Neuron parameters of shape (1, N) belong to a population of N."""
    assert convert(chain(linear(3, 2), lif(1, 3), shape=(2,)), LITERAL).network["n1"].shape == (3,)


@pytest.mark.parametrize("form", [float, np.float32, np.array, lambda value: np.array([value])])
def test_scalar_parameters_take_the_shape_of_the_input(form) -> None:
    """Scalars, 0-d and one-element arrays are given the shape of what feeds the node, with note N001."""
    values = {key: form(value) for key, value in {"tau": 2.0, "r": 2.0, "v_leak": 0.0, "v_threshold": 1.0}.items()}
    imported = convert(chain(conv(4, 1, (3, 3)), NirNode("LIF", values), shape=(1, 6, 6)), LITERAL)
    assert imported.network["n1"].shape == (4, 4, 4)
    assert [(note.code, note.where) for note in imported.notes] == [("N001", "node 'n1'")]


@pytest.mark.parametrize(
    ("kernel", "dilation", "padding", "expected"),
    [((3, 5), (1, 1), "same", (1, 2)), ((3, 3), (2, 1), "same", (2, 1)), ((3, 5), (1, 1), "valid", (0, 0))],
)
def test_padding_by_name(kernel, dilation, padding: str, expected: tuple[int, int]) -> None:
    """'same' is half the reach of the kernel, dilation included; 'valid' is none."""
    graph = chain(conv(2, 1, kernel, padding=padding, dilation=list(dilation)), shape=(1, 8, 8))
    op = convert(graph, LITERAL).network.projections[0].ops[0]
    assert isinstance(op, Conv2d)
    assert op.padding == expected
    shape = op.output_shape((1, 8, 8))
    assert shape == ((2, 8, 8) if padding == "same" else (2, 6, 4))


@pytest.mark.parametrize(("kernel", "stride", "name"), [((2, 2), 2, "same"), ((3, 3), 2, "same"), ((3, 3), 1, "Same")])
def test_padding_by_name_that_is_not_defined(kernel, stride: int, name: str) -> None:
    """'same' with a stride, and other names, have no reading: E003 names the node."""
    graph = chain(conv(2, 1, kernel, padding=name, stride=[stride, stride]), shape=(1, 8, 8))
    (finding,) = findings(graph)
    assert (finding.code, finding.where) == ("E003", "node 'n0'")


def test_grouped_and_non_square_convolutions() -> None:
    """Groups, strides and kernels of different height and width give the shapes that PyTorch gives."""
    graph = chain(conv(4, 1, (3, 5), groups=2, stride=[2, 1], padding=[1, 0]), shape=(2, 8, 8))
    network = convert(graph, LITERAL).network
    op = network.projections[0].ops[0]
    expected = torch.nn.functional.conv2d(
        torch.ones(1, 2, 8, 8), torch.from_numpy(op.weight), stride=(2, 1), padding=(1, 0), groups=2
    )
    np.testing.assert_allclose(membrane(network, np.ones((1, 1, 2, 8, 8)))[0, 0], expected[0], rtol=1e-4, atol=1e-5)


def test_flatten_with_a_batch_axis() -> None:
    """Flatten with NIR's default start_dim = 1 counts a batch axis: all axes are flattened, with a note."""
    imported = convert(chain(node("Flatten", start_dim=1, end_dim=-1), shape=(2, 3, 3)), LITERAL)
    assert imported.network[imported.network.outputs[0]].shape == (18,)
    assert "start_dim" in imported.notes[0].message


def test_conv1d_is_a_convolution_of_maps_of_height_one() -> None:
    """A Conv1d on (C, L) gives what PyTorch's gives; the maps have the shape (C, 1, L), and notes say so."""
    rng = np.random.default_rng(0)
    weight, bias = rng.normal(0, 1, (4, 1, 3)).astype(np.float32), rng.normal(0, 1, 4).astype(np.float32)
    geometry = {"stride": 2, "padding": 1, "dilation": 2, "groups": 2}
    graph = chain(node("Conv1d", weight=weight, bias=bias, **geometry), summing(4, 4), shape=(2, 9))
    imported = convert(graph, LITERAL)
    assert {note.code for note in imported.notes} == {"N001"}
    assert [p.shape for p in imported.network.populations] == [(2, 1, 9), (4, 1, 4)]
    x = rng.normal(0, 1, (1, 2, 2, 1, 9))
    expected = torch.nn.functional.conv1d(
        torch.from_numpy(x[0, :, :, 0]).float(), torch.from_numpy(weight), torch.from_numpy(bias), **geometry
    )
    np.testing.assert_allclose(membrane(imported.network, x)[0, :, :, 0], expected, rtol=1e-5, atol=1e-6)


def test_a_map_of_one_channel_is_no_batch() -> None:
    """(1, L) in front of a Conv1d is one channel; in front of a Linear it is a vector with a batch axis."""
    one = chain(node("Conv1d", weight=np.ones((1, 1, 3)), bias=np.zeros(1), padding="same"), lif(1, 5), shape=(1, 5))
    assert [p.shape for p in convert(one, LITERAL).network.populations] == [(1, 1, 5), (1, 1, 5)]
    assert convert(chain(linear(3, 5), lif(3), shape=(1, 5)), LITERAL).network["input"].shape == (5,)


@pytest.mark.parametrize(
    ("kind", "fields", "alpha", "beta", "gain"),
    [
        ("I", {"r": 0.5}, 0.0, 1.0, 0.5),
        ("LI", {"tau": 4.0, "r": 2.0, "v_leak": 0.0}, 0.0, 0.75, 0.5),
        ("CubaLI", {"tau_syn": 2.0, "tau_mem": 4.0, "r": 2.0, "v_leak": 0.0}, 0.5, 0.75, 0.25),
    ],
)
def test_neurons_that_never_fire_are_readouts(kind: str, fields: dict, alpha: float, beta: float, gain: float) -> None:
    """I, LI and CubaLI integrate as their equations say, and have no threshold."""
    stored = node(kind, **{key: np.full(3, value) for key, value in fields.items()})
    neuron = convert(chain(linear(3, 2), stored, shape=(2,)), LITERAL).network["n1"].neuron
    assert (neuron.alpha[0], neuron.beta[0], neuron.gain[0], neuron.threshold) == (alpha, beta, gain, None)


@pytest.mark.parametrize("name", PRESETS)
def test_threshold_has_no_memory(name: str) -> None:
    """A Threshold fires where its input lies above it, whatever was before, with any preset."""
    graph = chain(node("Threshold", threshold=np.array([0.5, 1.0, 2.0])), shape=(3,))
    x = np.random.default_rng(0).normal(0, 2, (20, 1, 3))
    network = convert(graph, replace(preset(name), dt=1.0)).network
    np.testing.assert_array_equal(membrane(network, x), x > [0.5, 1.0, 2.0])


def test_spikes_summed_at_an_output() -> None:
    """Several edges into one Output are their sum, spikes and values alike; a population without memory adds them."""
    a = linear(3, 2, 1)
    nodes = {"input": port("Input", 2), "a": a, "p": lif(3), "q": lif(3, v_threshold=2.0), "output": port("Output", 3)}
    imported = convert(joined(nodes, "input>a a>p a>q p>output q>output a>output"), LITERAL)
    x = np.random.default_rng(0).normal(0, 2, (9, 2, 2))
    out = simulate(imported.network, x)
    assert out["p"].any()
    expected = out["p"] + out["q"] + x @ a.values["weight"].T
    np.testing.assert_allclose(out[imported.network.outputs[0]], expected, rtol=1e-5, atol=1e-5)
    assert [note.where for note in imported.notes if "sum" in note.message] == ["node 'output'"]


def test_several_inputs_and_outputs() -> None:
    """Each Input is a population to feed, each Output a population to read; one that is read twice is listed once."""
    nodes = {"a": port("Input", 2), "b": port("Input", 3), "w": linear(3, 2), "n": lif(3), "m": lif(3)}
    ports = {name: port("Output", 3) for name in ("first", "second", "third")}
    network = convert(joined(nodes | ports, "a>w w>n b>n b>m n>first m>second m>third"), LITERAL).network
    assert [p.name for p in network.inputs] == ["a", "b"]
    assert network.outputs == ("m", "n")


def test_two_equal_paths_count_twice() -> None:
    """The same spikes on two ways without weights are two terms of the sum."""
    port_like = NirNode("NIRGraph", {}, joined({"i": port("Input", 3), "o": port("Output", 3)}, "i>o"))
    nodes = {"input": port("Input", 3), "s": port_like, "out": summing(3), "output": port("Output", 3)}
    network = convert(joined(nodes, "input>s s>out input>out out>output"), LITERAL).network
    x = np.random.default_rng(0).normal(0, 1, (2, 1, 3))
    np.testing.assert_allclose(membrane(network, x), 2 * x, rtol=1e-6)


def test_oddities_of_other_exporters_are_repaired() -> None:
    """Scalar bias, batched weight, int64 parameters and factors, infinite time constants: each has one reading."""
    affine = node("Affine", weight=np.ones((1, 3, 2), np.int64), bias=np.array(True))
    integers = NirNode("LIF", {"tau": np.full(3, 4), "r": np.full(3, 4), "v_leak": np.zeros(3, int), "v_threshold": 1})
    endless = {"tau": np.full(3, np.inf), "r": np.full(3, np.inf), "v_leak": np.zeros(3), "v_threshold": np.ones(3)}
    graph = chain(affine, integers, node("Scale", scale=np.full((1, 3), 2)), NirNode("LIF", endless), shape=(2,))
    imported = convert(graph, LITERAL)
    op = imported.network.projections[0].ops[0]
    assert isinstance(op, Linear)
    assert (op.weight.shape, op.weight.dtype, op.bias.tolist()) == ((3, 2), np.float32, [1.0] * 3)
    assert imported.network["n1"].neuron.beta.tolist() == [0.75] * 3
    last = imported.network["n3"].neuron
    assert (last.beta[0], last.gain[0]) == (1.0, 1.0)
    assert {note.where for note in imported.notes} == {"node 'n0'", "node 'n3'"}


def test_wrong_stored_shapes_are_ignored() -> None:
    """The shapes that nir writes for grouped, non-square and 'same' convolutions are wrong; they are inferred anew."""
    geometry = {"groups": 2, "stride": [2, 1], "padding": [1, 0]}
    right = chain(conv(4, 1, (3, 5), **geometry), shape=(2, 8, 8))
    wrong = chain(conv(4, 1, (3, 5), **geometry, input_shape=[99, 99]), shape=(2, 8, 8))
    one, two = convert(right, LITERAL).network, convert(wrong, LITERAL).network
    assert one.content_hash == two.content_hash
    assert one[one.outputs[0]].shape == (4, 4, 4)


def test_odd_but_legitimate_parameters_are_noted() -> None:
    """A leak above the threshold, and an IF whose gain is not 1, are read as they are, with a note."""
    odd = node("IF", r=np.full(3, 0.25), v_threshold=np.ones(3))
    imported = convert(chain(lif(3, v_leak=2.0), odd, shape=(3,)), LITERAL)
    assert [note.code for note in imported.notes] == ["N006", "N006"]
    assert ["fires without input" in note.message or "r * dt" in note.message for note in imported.notes] == [True] * 2
    assert imported.network["n1"].neuron.gain[0] == 0.25


# What is refused


def test_unsupported_nodes_and_loops_are_listed_at_once() -> None:
    """Every unsupported node (E021) and each loop without neuron (E022) are findings of one error that exits with 3."""
    nodes = {
        "input": port("Input", 3),
        "m": node("MaxPool2d"),
        "a": linear(3, 3),
        "b": linear(3, 3),
        "s": node("Delay", delay=np.ones(3)),
        "n": lif(3),
        "output": port("Output", 3),
    }
    with pytest.raises(UnsupportedError) as caught:
        convert(joined(nodes, "input>m m>a a>b b>a a>s s>s s>n n>output"), LITERAL)
    listed = [(finding.code, finding.where) for finding in caught.value.findings]
    assert listed == [("E021", "node 'm'"), ("E022", "a -> b -> a"), ("E022", "s -> s")]
    assert caught.value.exit_code == 3


def test_nan_in_weights_names_node_and_field() -> None:
    """NaN and infinities are counted per field: E003, all at once."""
    bad, worse = linear(3, 2), lif(3)
    bad.values["weight"][1, 1] = np.nan
    worse.values["v_threshold"][:] = np.nan
    listed = findings(chain(bad, worse, shape=(2,)))
    assert [(f.code, f.where) for f in listed] == [("E003", "node 'n0'"), ("E003", "node 'n1'")]
    assert "weight holds 1 NaN" in listed[0].message
    assert "v_threshold holds 3" in listed[1].message


def endless(kind: str, **values: Any) -> NirNode:
    """Three neurons of a kind with infinite thresholds."""
    fields = {"tau": 4.0, "tau_mem": 4.0, "tau_syn": 2.0, "r": 4.0, "v_leak": 0.25, "v_threshold": np.inf, **values}
    return node(kind, **{key: np.full(3, fields[key]) for key in (*NEURON_TYPES[kind], *values)})


@pytest.mark.parametrize("changes", [{}, {"reset": "subtract", "reset_delay": True}, {"start": "leak"}])
@pytest.mark.parametrize(("kind", "read"), [("LIF", "LI"), ("IF", "I"), ("CubaLIF", "CubaLI")])
def test_what_never_fires_is_read(kind: str, read: str, changes: dict[str, Any]) -> None:
    """Before an Output, an infinite threshold makes neurons the readout of the same parameters; a note says so."""
    semantics = replace(LITERAL, **changes)
    readout = node(read, **{key: value for key, value in endless(kind).values.items() if key != "v_threshold"})
    graphs = [chain(linear(3, 2), each, shape=(2,)) for each in (endless(kind), readout)]
    written, plain = (convert(graph, semantics) for graph in graphs)
    assert written.network.content_hash == plain.network.content_hash
    assert written.network["n1"].neuron.is_readout
    (note,) = (each for each in written.notes if "never fires" in each.message)
    assert (note.code, note.where) == ("N006", "node 'n1'")


def test_what_never_fires_starts_where_it_did() -> None:
    """A readout has no reset; its membrane begins at the value of one all the same."""
    network = convert(chain(linear(3, 2), endless("LIF", v_reset=-0.5), shape=(2,)), LITERAL).network
    found = membrane(network, np.zeros((2, 1, 2)))
    expected = [-0.5 * 0.75 + 0.0625, (-0.5 * 0.75 + 0.0625) * 0.75 + 0.0625]
    np.testing.assert_allclose(found[:, 0], np.repeat(np.array(expected)[:, None], 3, 1), rtol=1e-6)


def test_what_never_fires_and_is_not_read() -> None:
    """Others would wait for its spikes, some of its neurons fire, it is below any threshold, or has a floor."""
    some, below = endless("LIF"), endless("LIF", v_threshold=-np.inf)
    some.values["v_threshold"][1] = 1.0
    nodes = {**chain(linear(3, 2), some, linear(3, 3), endless("LIF"), lif(3), below, shape=(2,)).nodes}
    listed = findings(NirGraph(nodes, tuple(pairwise(nodes))))
    assert [(each.code, each.where) for each in listed] == [("E003", f"node 'n{index}'") for index in (1, 3, 5)]
    assert "2 infinite values of 3" in listed[0].message
    assert "'n4' would hear nothing" in listed[1].message
    looped = {**chain(linear(3, 2), endless("LIF"), shape=(2,)).nodes, "back": linear(3, 3)}
    (finding,) = findings(joined(looped, "input>n0 n0>n1 n1>back back>n1 n1>output"))
    assert "'back' would hear nothing" in finding.message
    with pytest.raises(InputError, match=r"E024 node 'n1': it never fires, .* floor of -1"):
        convert(chain(linear(3, 2), endless("LIF"), shape=(2,)), replace(LITERAL, floor=-1.0))


def test_a_graph_without_neurons() -> None:
    """One whose Outputs read Inputs alone is E004; beside neurons an input may be read, and products are a readout."""
    alone = chain(shape=(3,))
    (finding,) = findings(alone)
    assert (finding.code, finding.where) == ("E004", "graph")
    assert "no neurons lie between" in finding.message
    beside = {**chain(linear(3, 3), lif(3), shape=(3,)).nodes, "also": NirNode("Output", {"shape": np.array([3])})}
    assert len(convert(joined(beside, "input>n0 n0>n1 n1>output input>also"), LITERAL).network.outputs) == 2
    assert convert(chain(linear(3, 3), shape=(3,)), LITERAL).network.neurons


@pytest.mark.parametrize(
    ("nodes", "code", "message"),
    [
        ([node("Linear")], "E003", "'weight' is missing"),
        ([node("Affine", weight=np.ones((2, 3)))], "E003", "'bias' is missing"),
        ([node("Affine", weight=np.ones((2, 3)), bias=np.ones(3))], "E003", "bias has 3 values for 2 outputs"),
        ([node("Linear", weight=np.ones(3))], "E003", "instead of 2 axes"),
        ([node("Linear", weight=np.ones((0, 3)))], "E003", "shape (0, 3): it is empty"),
        ([node("Linear", weight=np.full((2, 3), 1e300))], "E003", "single precision"),
        ([node("Linear", weight=np.full((2, 3), 1j))], "E003", "complex"),
        ([node("Linear", weight="heavy")], "E003", "not an array of numbers"),
        ([node("Linear", weight={"a": 1})], "E003", "not an array of numbers"),
        ([linear(2, 4)], "E004", "needs a vector of 4"),
        ([linear(3, 4)], "E004", "only if it is transposed"),
        ([node("Linear", weight=np.ones((2, 5, 3)))], "E021", "batch of matrices"),
        ([node("Delay", delay=np.full(3, -1.0))], "E003", "negative"),
        ([node("Delay", delay=np.full(3, 1e300))], "E003", "steps"),
        ([node("Delay")], "E003", "'delay' is missing"),
        ([node("Threshold")], "E003", "threshold is missing"),
        ([node("I", r=np.full(3, np.inf))], "E003", "infinite"),
        ([NirNode("LIF", {**lif(3).values, "r": np.full(3, np.inf)})], "E003", "infinite"),
        ([NirNode("LIF", {**lif(3).values, "tau": np.full(3, 1 + 2j)})], "E003", "complex"),
        ([conv(2, 3, (3, 3))], "E004", "takes 3 channels, but its input has shape (3,)"),
        ([node("Scale")], "E003", "'scale' is missing"),
        ([node("Scale", scale="big")], "E003", "wrong type"),
        ([node("Scale", scale=np.ones(4))], "E004", "does not fit"),
        ([node("Flatten", start_dim="first")], "E003", "wrong type"),
        ([node("LIF", tau=np.ones(3))], "E003", "r, v_leak, v_threshold is missing"),
        ([lif(3, tau=-1.0)], "E003", "tau is not positive"),
        ([NirNode("LIF", {**lif(3).values, "tau": np.ones(4)})], "E003", "different shapes"),
        ([lif(3, r=0.0)], "E024", "not positive"),
        ([lif(3, v_threshold=0.0)], "E024", "threshold does not lie above"),
        ([lif(3, tau=0.5)], "E024", "shorter than dt"),
        ([lif(3, v_leak=1e300)], "E024", "not finite"),
        ([lif(4)], "E004", "a parameter of shape (4,) does not fit (3,)"),
    ],
)
def test_damaged_nodes(nodes: list[NirNode], code: str, message: str) -> None:
    """A missing field, a wrong type or shape, or an impossible value is refused with what was found."""
    listed = findings(chain(*nodes, shape=(3, 8, 8) if nodes[0].type == "Conv2d" and code == "E003" else (3,)))
    assert [finding.code for finding in listed] == [code]
    assert message in listed[0].message


@pytest.mark.parametrize(("shape", "size"), [((2, 9), (3,)), ((2, 9, 8), (3, 3))])
def test_channels_that_a_kernel_does_not_take(shape: tuple[int, ...], size: tuple[int, ...]) -> None:
    """Both are told as they are stored, with the groups."""
    weight = np.ones((4, 3, *size))
    kernel = node(f"Conv{len(size)}d", weight=weight, bias=np.zeros(4), stride=1, padding=0, dilation=1, groups=2)
    (finding,) = findings(chain(kernel, lif(4), shape=shape))
    told = f"its weight {weight.shape} takes 3 channels in each of 2 groups, but its input has shape {shape}"
    assert (finding.code, finding.message) == ("E004", told)
    assert finding.fix.startswith("give it maps of 6 channels")


@pytest.mark.parametrize(
    ("shape", "columns", "told", "fix"),
    [
        ((2, 3, 4), 24, "a map of shape (2, 3, 4)", "put a Flatten in front of it"),
        ((2, 8), 16, "a map of shape (2, 8)", "put a Flatten in front of it"),
        ((2, 8), 8, "a map of shape (2, 8)", "put a Flatten in front of it, and give it a weight of 16 columns"),
    ],
)
@pytest.mark.parametrize("kind", ["Linear", "Affine"])
def test_maps_that_meet_a_matrix(kind: str, shape: tuple[int, ...], columns: int, told: str, fix: str) -> None:
    """The map is told as it is stored, with what is missing."""
    matrix = node(kind, weight=np.ones((5, columns)), **({"bias": np.ones(5)} if kind == "Affine" else {}))
    (finding,) = findings(chain(lif(*shape), matrix, lif(5), shape=shape))
    assert (finding.code, finding.fix) == ("E004", fix)
    assert finding.message.endswith(told)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"bias": np.ones(3)}, "bias has 3 values for 2 channels"),
        ({"stride": [0, 1]}, "positive"),
        ({"padding": [-1, 0]}, "positive"),
        ({"dilation": [1, 1, 1]}, "one or two"),
        ({"stride": "fast"}, "stride"),
        ({"groups": 0}, "groups"),
        ({"groups": np.ones(3)}, "wrong type"),
        ({"weight": np.ones((2, 2))}, "instead of 4 axes"),
    ],
)
def test_damaged_convolutions(change: dict[str, object], message: str) -> None:
    """Geometry that is not a convolution is E003 at its node."""
    whole = conv(2, 1, (3, 3))
    (finding,) = findings(chain(NirNode("Conv2d", {**whole.values, **change}), shape=(1, 8, 8)))
    assert (finding.code, finding.where) == ("E003", "node 'n0'")
    assert message in finding.message


@pytest.mark.parametrize("kind", ["SumPool2d", "AvgPool2d"])
def test_damaged_pools(kind: str) -> None:
    """A pool needs kernel, stride and padding, and a window that fits."""
    geometry = {"kernel_size": [2, 2], "stride": [2, 2], "padding": [0, 0]}
    for key in geometry:
        rest = {name: value for name, value in geometry.items() if name != key}
        (finding,) = findings(chain(node(kind, **rest), shape=(1, 8, 8)))
        assert (finding.code, finding.message) == ("E003", f"field {key!r} is missing")
    (finding,) = findings(chain(node(kind, **{**geometry, "kernel_size": [9, 9]}), shape=(1, 8, 8)))
    assert finding.code == "E004"


@pytest.mark.parametrize("shape", [(), (0,), (3, 0), (-1, 2, 2)])
def test_input_shapes_without_a_reading(shape: tuple[int, ...]) -> None:
    """An input is (N,), (C, L) or (C, H, W), and not empty."""
    assert findings(chain(lif(3), shape=shape))[0].code == "E003"


@pytest.mark.parametrize("shape", ["three", {"a": 1}])
def test_input_shape_of_a_wrong_type(shape: object) -> None:
    """A text or a group for a shape is E003."""
    graph = joined({"input": NirNode("Input", {"shape": shape}), "output": port("Output", 3)}, "input>output")
    assert findings(graph)[0].code == "E003"


@pytest.mark.parametrize(
    ("edges", "message"),
    [
        ("input>n n>output n>ghost", "there is no node 'ghost'"),
        ("input>n n>output output>m", "'output' is an Output"),
        ("input>n n>output m>input", "'input' is an Input"),
        ("input>n n>output n>output", "it is listed 2 times, which nir does not allow"),
    ],
)
def test_edges_that_lead_nowhere(edges: str, message: str) -> None:
    """Dangling and doubled edges, edges out of an Output and into an Input are E004 with both ends."""
    nodes = {"input": port("Input", 3), "n": lif(3), "m": lif(3), "output": port("Output", 3)}
    (finding,) = findings(joined(nodes, edges))
    assert (finding.code, finding.message) == ("E004", message)
    assert "->" in finding.where


@pytest.mark.parametrize("missing", ["Input", "Output"])
def test_graphs_need_both_ends(missing: str) -> None:
    """A graph without Input or without a reached Output is E004, even where notes were made before."""
    graph = chain(linear(3, 2), lif(1, 3), shape=(1, 2))
    kept = {name: item for name, item in graph.nodes.items() if item.type != missing}
    edges = tuple(edge for edge in graph.edges if set(edge) <= set(kept))
    assert f"it has no {missing} node" in findings(NirGraph(kept, edges))[0].message


def test_inputs_of_different_shapes() -> None:
    """A sum of different shapes is E004 and lists each source with its shape."""
    nodes = {"input": port("Input", 3), "a": linear(2, 3), "b": linear(4, 3), "n": lif(2), "output": port("Output", 2)}
    (finding,) = findings(joined(nodes, "input>a input>b a>n b>n n>output"))
    assert (finding.code, finding.where) == ("E004", "node 'n'")
    assert "a: (2,), b: (4,)" in finding.message


def test_partial_flattening_has_no_reading() -> None:
    """Flattening only some axes of a map leaves no vector: E021."""
    assert [f.code for f in findings(chain(node("Flatten", start_dim=0, end_dim=1), shape=(2, 3, 3)))] == ["E021"]


def test_a_population_too_large_to_hold() -> None:
    """An Input of billions of elements is refused before anything of its size is made."""
    assert [f.code for f in findings(chain(node("Scale", scale=1.0), shape=(1 << 20, 1 << 10, 4)))] == ["E004"]


def test_more_paths_than_can_be_written_down() -> None:
    """Forty layers that each add two linear nodes have 2^40 ways through them: E021, at once."""
    nodes = {"input": port("Input", 2), "s0": node("Scale", scale=np.ones(2)), "output": port("Output", 2)}
    edges = ["input>s0"]
    for index in range(40):
        nodes |= {f"{side}{index}": linear(2, 2) for side in "ab"} | {f"s{index + 1}": node("Scale", scale=np.ones(2))}
        edges += [f"s{index}>{side}{index} {side}{index}>s{index + 1}" for side in "ab"]
    assert [f.code for f in findings(joined(nodes, " ".join([*edges, "s40>output"])))] == ["E021"]


def test_missing_semantics_list_the_presets(tmp_path: Path) -> None:
    """A foreign file without semantics is refused (E020, exit 3): the fix lists every preset, and those that fit."""
    with pytest.raises(UnsupportedError) as caught:
        load(resource("examples/digits/digits.nir"))
    (finding,) = caught.value.findings
    assert (finding.code, caught.value.exit_code) == ("E020", 3)
    assert all(name in finding.fix for name in PRESETS)
    assert finding.fix.splitlines()[-1].strip() == "the file's parameters fit: snntorch, spikingjelly"


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("tau", "r"), [(0.0, 2.0), (-1.0, 2.0), (1e-320, 1e300), (1.0, 1e-320), (np.inf, 2.0)])
def test_impossible_parameters_fit_no_exporter(tau: float, r: float, tmp_path: Path) -> None:
    """Time constants and resistances at which a guess divides by zero are E020 too, without a warning."""
    nir_file.write(tmp_path / "net.nir", chain(linear(3, 2), lif(3, tau=tau, r=r), shape=(2,)))
    with pytest.raises(UnsupportedError, match="E020"):
        load(tmp_path / "net.nir")


def test_damaged_parameters_fit_no_exporter(tmp_path: Path) -> None:
    """Fields of shapes that do not fit each other are E020 where the file does not say how it is read."""
    damaged = node("LIF", tau=np.ones(2), r=np.ones(3), v_leak=np.zeros(3), v_threshold=np.ones(3))
    nir_file.write(tmp_path / "net.nir", chain(linear(3, 2), damaged, shape=(2,)))
    with pytest.raises(UnsupportedError, match="(?s)E020.*none of them"):
        load(tmp_path / "net.nir")


# Real networks


def digits() -> Imported:
    return load(resource("examples/digits/digits.nir"), from_toml(resource("examples/digits/semantics.toml")))


def test_digits_example() -> None:
    """The example's accuracy and spikes on its test set are those that snnTorch reached (its README)."""
    from spear_deploy.measure.runs import measure_float

    activity = measure_float(digits().network, load_data("digits", DataOptions()).test)
    assert activity.accuracy == pytest.approx(356 / 360)
    spikes = [float(count.mean()) for count in activity.spikes.values()]
    assert sorted(spikes) == pytest.approx([9.5, 158.6, 312.8, 599.8, 1298.0], abs=0.05)


def test_spikes_of_spikingjelly(shared: Path) -> None:
    """SpikingJelly's convolutional network: not one bin of the golden spikes of its three layers differs."""
    imported = load(shared / "nir/spikingjelly_cnn_lif_mnist.nir", preset("spikingjelly"))
    with np.load(shared / "nir/spikingjelly_cnn_lif_mnist.npz") as golden:
        x = np.broadcast_to(golden["input"], (4, *golden["input"].shape))
        out = simulate(imported.network, x)
        for name in ("_1", "_3", "_7"):
            assert golden[f"spikes{name}"].any()
            np.testing.assert_array_equal(out[name], golden[f"spikes{name}"])


def test_spikes_of_a_recurrent_snntorch_network(shared: Path) -> None:
    """snnTorch's RLeaky with its late subtraction: none of the 17,920 output bins differs, and no hidden one."""
    imported = load(shared / "nir/snntorch_rleaky_subtract_rowmnist.nir", preset("snntorch"))
    with np.load(shared / "nir/snntorch_rleaky_subtract_rowmnist.npz") as golden:
        out = simulate(imported.network, golden["input"])
        assert golden["output_spikes"].size == 17_920
        np.testing.assert_array_equal(out["lif1.lif"], golden["hidden_spikes"])
        np.testing.assert_array_equal(out["lif2"], golden["output_spikes"])


@pytest.mark.parametrize(
    ("name", "reset", "hidden", "alpha", "beta"),
    [
        ("braille_srnn_zero", "zero", "lif1.lif", (0.55, 0.5), (0.9, 0.55)),
        ("braille_srnn_subtract_nested", "subtract", "lif1.lif1", (0.75, 0.45), (0.85, 0.7)),
    ],
)
def test_recurrent_networks_of_the_nir_paper(name: str, reset: str, hidden: str, alpha, beta, shared: Path) -> None:
    """The paper's Braille networks, flat and nested with a misnamed node, are read with their published decays."""
    overrides = {"reset": reset, "reset_delay": False}
    network = load(shared / f"nir/{name}.nir", preset("snntorch"), overrides).network
    neurons = [network[population].neuron for population in (hidden, "lif2")]
    assert [n.alpha[0] for n in neurons] == pytest.approx(alpha, rel=1e-6)
    assert [n.beta[0] for n in neurons] == pytest.approx(beta, rel=1e-6)
    assert [n.gain[0] for n in neurons] == [1.0, 1.0]
    assert [(p.source, p.target) for p in network.projections if p.delay] == [(hidden, hidden)]


@pytest.mark.parametrize("trace", ["exact", "nengo", "norse", "snntorch", "spinnaker2"])
def test_single_neuron_of_other_simulators(trace: str, shared: Path) -> None:
    """The NIR paper's single LIF fires in the same steps as in other simulators."""
    network = load(shared / "nir/lif_single.nir", Semantics(dt=1e-4)).network
    columns = np.loadtxt(shared / f"nir/lif_traces/lif_{trace}.csv", delimiter=",")
    spikes = membrane(network, columns[:, :1, None])[:, 0, 0]
    assert spikes.sum() == 4
    np.testing.assert_array_equal(spikes, columns[:, 2] != 0)


def test_every_shared_file_is_read(shared: Path) -> None:
    """Each of the real graphs is read with its exporter's preset, which is among those that its parameters fit."""
    sources = {"braille": "snntorch", "lif": "norse", "nmnist": "sinabs", "norsemain": "norse", "sj": "spikingjelly"}
    files = sorted((shared / "nir").rglob("*.nir"))
    assert files
    for path in files:
        tool = path.stem.split("_")[0]
        source = sources.get(tool, tool)
        network = load(path, preset(source), {"dt": 1e-4} if source == "norse" else {}).network
        assert network.outputs
        with pytest.raises(UnsupportedError) as caught:
            load(path)
        assert source in caught.value.findings[0].fix.splitlines()[-1]


def test_nmnist_activity_depends_on_the_semantics(shared: Path) -> None:
    """The paper's N-MNIST network fires about 19,088 spikes a sample read literally, many more as sinabs."""
    data = load_data("nmnist-small", DataOptions(folder=shared / "data", bin_ms=1.0)).test.head(8)
    x, _ = next(data.batches(8))

    def spikes(semantics: Semantics, x: np.ndarray) -> float:
        network = load(shared / "nir/nmnist_scnn.nir", semantics).network
        with torch.no_grad():
            out = FloatSimulator(network)({"input": torch.from_numpy(x.astype(np.float32))})
        return sum(float(value.sum()) for value in out.values())

    assert spikes(LITERAL, x) / 8 == pytest.approx(19_088, rel=0.1)
    short = x[:80, :1]
    assert spikes(replace(preset("sinabs"), floor=-1.0), short) > 2 * spikes(LITERAL, short)


@pytest.mark.parametrize(
    ("name", "source", "dt", "layers"),
    [
        ("norsemain_fc_lifbox_lif_shaped", "norse", 1e-3, 2),
        ("sinabs_cnn_iaf_from_model_inferred", "sinabs", 1.0, 2),
        ("snntorch_unbatched_shaped", "snntorch", 1e-4, 1),
        ("sj_residual_sew_add", "spikingjelly", 1e-4, 2),
        ("rockpool_fc_lif", "rockpool", 1e-3, 2),
    ],
)
def test_graphs_of_todays_exporters(name: str, source: str, dt: float, layers: int, shared: Path) -> None:
    """What the exporters write today is read with their presets, every layer's weights included."""
    imported = load(shared / f"nir/exporters/{name}.nir", preset(source), {"dt": dt} if source == "norse" else {})
    assert imported.semantics.dt == dt
    weights = [op.weight for p in imported.network.projections for op in p.ops if isinstance(op, Conv2d | Linear)]
    assert len(weights) == layers
    assert all(map(np.any, weights))


def test_floor_at_the_threshold_is_refused() -> None:
    """A membrane that is clipped at its threshold or above would never rest: E024."""
    graph = chain(lif(3, v_threshold=1.0), shape=(3,))
    assert convert(graph, replace(LITERAL, floor=-1.0)).network.outputs
    (finding,) = findings(graph, replace(LITERAL, floor=1.0))
    assert (finding.code, "above the floor 1" in finding.message) == ("E024", True)
