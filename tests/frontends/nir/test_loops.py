"""Where the delay of a loop sits, and Delay nodes: the neuron's own edge closes a loop, biases act from the start."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spear_deploy.errors import UnsupportedError
from spear_deploy.frontends.nir.file import NirNode
from spear_deploy.frontends.nir.loops import closing_edges, loops_without_neuron
from spear_deploy.frontends.nir.reader import convert
from spear_deploy.frontends.nir.writer import to_graph
from spear_deploy.frontends.semantics import Semantics
from spear_deploy.network import Network
from tests.frontends.nir.graphs import LITERAL, joined, lif, linear, node, port, summing
from tests.frontends.nir.running import simulate


def delays(network: Network) -> dict[str, int]:
    return {p.name: p.delay for p in network.projections if p.delay}


def edges_of(text: str) -> list[tuple[str, str]]:
    return [tuple(edge.split(">")) for edge in text.split()]


def test_a_recurrent_bias_acts_from_the_first_step_on() -> None:
    """rec[t] = W s[t-1] + b with s[-1] = 0: simulated by hand, step by step."""
    w, rec = linear(3, 2, 1), linear(3, 3, 2, [0.75, -0.25, 0.5])
    nodes = {"input": port("Input", 2), "w": w, "n": lif(3), "rec": rec, "output": port("Output", 3)}
    network = convert(joined(nodes, "input>w w>n n>rec rec>n n>output"), LITERAL).network
    assert delays(network) == {"rec": 1}
    x = np.random.default_rng(0).normal(0, 2, (30, 1, 2)).astype(np.float32)
    v, s, expected = np.zeros(3), np.zeros(3), []
    for step in x[:, 0]:
        v = 0.5 * v + w.values["weight"] @ step + rec.values["weight"] @ s + rec.values["bias"]
        s = (v > 1).astype(float)
        v[s > 0] = 0
        expected.append(s)
    assert np.any(expected)
    np.testing.assert_array_equal(simulate(network, x)["n"][:, 0], expected)


@pytest.mark.parametrize(
    ("edges", "expected"),
    [
        ("in>a a>b b>out", ""),
        ("in>a a>a a>out", "a>a"),
        ("in>a a>w w>a a>out", "a>w"),
        ("in>a a>b b>c c>a c>out", "c>a"),  # a long loop is closed where it is entered
        ("in>c c>b b>a a>c a>out", "a>c"),  # whatever the names
        ("in>a in>b a>b b>a b>out", "b>a"),  # entered twice: farther from the output
        ("in>b in>a b>a a>b a>out", "a>b"),
        ("in>a a>b b>a b>b b>out", "b>a b>b"),
        ("in>a a>w w>a w>b b>out", "a>w"),  # a node that both feed is run once
        ("a>b b>a b>out", "b>a"),  # nothing feeds the loop
        ("in>a a>late late>a a>out", ""),  # a Delay closes it
        ("in>a a>late late>a a>w w>a a>out", "a>w"),
        ("in>s s>a a>w w>s a>out", "a>w"),  # entered by a node without neurons
    ],
)
def test_which_edges_close_loops(edges: str, expected: str) -> None:
    """Loops are closed where they are entered, by the edge that leaves a neuron."""
    closing = closing_edges(edges_of(edges), {"a", "b", "c"}, {"in"}, {"out"}, {"late"})
    assert closing == set(edges_of(expected))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=20), st.sets(st.integers(0, 7)), st.randoms())
def test_every_loop_gets_a_delay(pairs: list[tuple[int, int]], even: set[int], random) -> None:
    """What is left without the closing edges has no loop; order says nothing; closing edges leave neurons."""
    neurons = {str(n) for n in even}
    edges = list(dict.fromkeys((str(a), str(b)) for a, b in pairs))
    if loops_without_neuron(edges, neurons):
        return
    closing = closing_edges(edges, neurons, {"0"}, {"7"}, set())
    assert all(source in neurons for source, _ in closing)
    assert not loops_without_neuron([edge for edge in edges if edge not in closing], ())
    random.shuffle(edges)
    assert closing_edges(edges, neurons, {"0"}, {"7"}, set()) == closing


def test_loops_of_nodes_without_neurons_have_no_meaning() -> None:
    """A loop that passes no neuron is E022, even with a Delay: it would be a filter without end."""
    nodes = {"input": port("Input", 3), "a": node("Scale", scale=0.5), "d": node("Delay", delay=1.0), "n": lif(3)}
    with pytest.raises(UnsupportedError, match="a -> d -> a") as caught:
        convert(joined({**nodes, "output": port("Output", 3)}, "input>a a>d d>a a>n n>output"), LITERAL)
    assert [finding.code for finding in caught.value.findings] == ["E022"]


# Delay nodes


def delayed(delay: object, dt: float = 1.0) -> tuple[Network, tuple[object, ...]]:
    """A Delay between two linear nodes with biases; the output is the sum itself."""
    nodes = {
        "input": port("Input", 2),
        "a": linear(3, 2, 1, [1.0, 2.0, 3.0]),
        "d": NirNode("Delay", {"delay": delay}),
        "b": linear(2, 3, 2, [10.0, 20.0]),
        "out": summing(2),
        "output": port("Output", 2),
    }
    nodes["out"].values["tau"][:] = dt
    imported = convert(joined(nodes, "input>a a>d d>b b>out out>output"), Semantics(dt=dt))
    return imported.network, imported.notes


@pytest.mark.parametrize("steps", [[0, 0, 0], [2, 2, 2], [0, 1, 3], [3, 1, 3]])
@pytest.mark.parametrize("dt", [1.0, 1e-3])
def test_delays_are_whole_steps(steps: list[int], dt: float) -> None:
    """y(t) = x(t - d), element by element; biases act once and from the first step on."""
    network, notes = delayed(np.array(steps) * dt, dt)
    assert len(network.projections) == len(set(steps))
    a, b, a_bias = linear(3, 2, 1), linear(2, 3, 2), np.array([1.0, 2.0, 3.0])
    x = np.random.default_rng(0).normal(0, 1, (6, 1, 2))
    inner = x @ a.values["weight"].T
    shifted = np.stack([np.concatenate([np.zeros((d, 1)), inner[: 6 - d, :, i]]) for i, d in enumerate(steps)], axis=-1)
    expected = (shifted + a_bias) @ b.values["weight"].T + [10.0, 20.0]
    np.testing.assert_allclose(simulate(network, x)["out"], expected, rtol=1e-4, atol=1e-4)
    assert [note.where for note in notes] == (["node 'd'"] if any(steps) else [])
    again = convert(to_graph(network, Semantics(dt=dt)), Semantics(dt=dt)).network
    assert again.content_hash == network.content_hash


def test_delays_between_steps_are_rounded() -> None:
    """A delay that is not a whole number of steps is rounded, with a note that says from what."""
    network, notes = delayed(np.full(3, 1.4))
    assert delays(network) == {"b": 1}
    assert any("1.4 steps is rounded to 1" in note.message for note in notes)


def test_a_delay_alone_and_in_a_loop() -> None:
    """Projections that only delay, and loops that a Delay closes, keep names and delays in a file."""
    nodes = {"input": port("Input", 3), "n": lif(3), "d": node("Delay", delay=np.full(3, 2.0)), "m": lif(3)}
    nodes |= {"e": node("Delay", delay=np.full(3, 1.0)), "w": linear(3, 3), "output": port("Output", 3)}
    graph = joined(nodes, "input>n n>d d>m m>e e>w w>n n>m m>output")
    network = convert(graph, LITERAL).network
    assert delays(network) == {"d": 2, "w": 1}
    again = convert(to_graph(network, LITERAL), LITERAL).network
    assert again.content_hash == network.content_hash


def test_two_delays_of_one_loop_are_written_out() -> None:
    """Where reading would delay fewer edges than the network, the file says each delay in a Delay node."""
    nodes = {"input": port("Input", 3), "n": lif(3), "m": lif(3), "v": linear(3, 3, 1), "w": linear(3, 3, 2)}
    nodes |= {name: node("Delay", delay=np.ones(3)) for name in ("d", "e")}
    network = convert(
        joined({**nodes, "output": port("Output", 3)}, "input>n n>d d>v v>m m>e e>w w>n m>output"), LITERAL
    ).network
    written = to_graph(network, LITERAL)
    assert [item.type for item in written.nodes.values()].count("Delay") == 2
    assert convert(written, LITERAL).network.content_hash == network.content_hash
