"""Identity, order and soundness of networks."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spear_deploy.errors import InputError, UnsupportedError
from spear_deploy.network import Conv2d, Flatten, Input, Linear, Network, Population, Projection, SumPool2d
from tests.strategies import Builder, generators, networks, neuron

RNG = np.random.default_rng(0)


def arrays(value: Any) -> list[np.ndarray]:
    """Every array inside a structure of dataclasses and tuples."""
    if isinstance(value, np.ndarray):
        return [value]
    if isinstance(value, tuple):
        return [array for element in value for array in arrays(element)]
    if is_dataclass(value):
        return [array for field in fields(value) for array in arrays(getattr(value, field.name))]
    return []


def copied(value: Any, changed: int = -1) -> Any:
    """A deep copy in which, of all numbers in arrays, the one of index ``changed`` is another one."""
    done = 0

    def copy(value: Any) -> Any:
        nonlocal done
        if isinstance(value, np.ndarray):
            result = value.copy()
            if 0 <= changed - done < value.size:
                result.reshape(-1)[changed - done] += 0.5
            done += value.size
            return result
        if isinstance(value, tuple):
            return tuple(copy(element) for element in value)
        if is_dataclass(value):
            return replace(value, **{field.name: copy(getattr(value, field.name)) for field in fields(value)})
        return value

    return copy(value)


@settings(max_examples=40, deadline=None)
@given(networks(timed=True), st.data())
def test_hash_is_of_the_content(network, data):
    """Equal content in other objects: equal hash.  Any single weight, bias or neuron parameter changed: another."""
    content = (network.populations, network.projections)
    numbers = sum(array.size for array in arrays(content))
    assert Network(*copied(content), network.outputs).content_hash == network.content_hash
    other = copied(content, changed=data.draw(st.integers(0, numbers - 1)))
    assert Network(*other, network.outputs).content_hash != network.content_hash


def small_network() -> Network:
    build = Builder(np.random.default_rng(1), (2, 4, 4))
    build.add((build.same(2), SumPool2d((1, 1), (1, 1))))
    build.add((Flatten(), Linear(np.ones((3, 32), np.float32), np.ones(3, np.float32))))
    return build.network()


def with_op(network: Network, index: int, **changes: Any) -> Network:
    """The network with changed fields of one operation of its first projection."""
    first, *others = network.projections
    ops = tuple(replace(op, **changes) if i == index else op for i, op in enumerate(first.ops))
    return replace(network, projections=(replace(first, ops=ops), *others))


def with_neuron(network: Network, **changes: Any) -> Network:
    """The network with changed fields of its last population's neurons."""
    *others, last = network.populations
    return replace(network, populations=(*others, replace(last, neuron=replace(last.neuron, **changes))))


def with_resolution(network: Network, resolution: np.ndarray) -> Network:
    """The network whose last population was trained on integers."""
    *others, last = network.populations
    return replace(network, populations=(*others, replace(last, resolution=resolution)))


@pytest.mark.parametrize("resolution", [np.array(0.0), np.array(np.inf), np.ones(7), np.ones((2, 3))])
def test_a_resolution_is_positive_and_of_the_population(resolution):
    """E004 where it is not positive, not finite or does not broadcast to the shape."""
    with pytest.raises(InputError, match="E004"):
        with_resolution(small_network(), resolution)


@pytest.mark.parametrize(
    "change",
    [
        lambda n: replace(n, outputs=("p1", "p2")),
        lambda n: replace(n, projections=n.projections[:1]),
        lambda n: replace(n, projections=(replace(n.projections[0], name="other"), n.projections[1])),
        lambda n: with_op(n, 0, bias=None),
        lambda n: with_op(n, 0, padding=(2, 2), dilation=(2, 2)),
        lambda n: with_op(n, 1, kernel=(3, 3), padding=(1, 1)),
        lambda n: with_neuron(n, reset="subtract"),
        lambda n: with_neuron(n, reset_delay=True),
        lambda n: with_neuron(n, compare="ge"),
        lambda n: with_neuron(n, spikes="integer"),
        lambda n: with_neuron(n, floor=-1.0),
        lambda n: with_neuron(n, threshold=None),
        lambda n: with_resolution(n, np.array(64.0)),
    ],
)
def test_hash_covers_structure(change):
    """Outputs, projections, names, geometry and the kind of neuron are content."""
    network = small_network()
    assert change(network).content_hash != network.content_hash


def test_hash_leaves_metadata_out():
    """Text about the origin does not change the identity."""
    network = small_network()
    noted = replace(network, metadata={"origin": "there"})
    assert noted.content_hash == network.content_hash


@st.composite
def wirings(draw: st.DrawFn) -> Network:
    """Any acyclic wiring of single neurons, declared in any order."""
    count = draw(st.integers(1, 7))
    edges = [(a, b) for b in range(1, count + 1) for a in range(b) if draw(st.booleans())]
    one = Linear(np.ones((1, 1), np.float32))
    populations = [Input("n0", (1,)), *(Population(f"n{i}", (1,), neuron(RNG, (1,))) for i in range(1, count + 1))]
    projections = tuple(Projection(f"{a}>{b}", f"n{a}", f"n{b}", (one,)) for a, b in edges)
    return Network(tuple(draw(st.permutations(populations))), projections, ("n1",))


@settings(max_examples=60, deadline=None)
@given(wirings())
def test_sources_come_before_targets(network):
    """Without loops every population is a component of its own, after all that feed it; ties as declared."""

    def depth(name: str) -> int:
        return max((1 + depth(p.source) for p in network.projections if p.target == name), default=0)

    declared = [population.name for population in network.populations]
    assert list(network.order) == sorted(declared, key=lambda name: (depth(name), declared.index(name)))
    assert network.components == tuple((name,) for name in network.order)
    assert network.loops == frozenset()


def test_lookups_follow_the_wiring():
    """Inputs, neurons in order of execution, and the projections at either end of a population."""
    network = small_network()
    assert [p.name for p in network.inputs] == ["in"]
    assert [p.name for p in network.neurons] == ["p1", "p2"]
    assert network.into("p2") == network.out_of("p1") == (network.projections[1],)
    assert (network["p1"].size, network["p1"].units, network["p2"].units) == (32, 2, 3)


def test_all_faults_are_reported_at_once():
    """Clashing names, ends and outputs that do not exist, fed inputs, shapes and parameters that do not fit."""
    two = neuron(RNG, (2,))
    with pytest.raises(InputError) as caught:
        Network(
            (Input("a", (2,)), Population("b", (2,), two), Population("b", (2,), two), Population("c", (3,), two)),
            (
                Projection("dangling", "a", "nowhere", ()),
                Projection("unfit", "a", "b", (Linear(np.ones((2, 5), np.float32)),)),
                Projection("wrong", "a", "c", (Linear(np.ones((4, 2), np.float32)),)),
                Projection("twice", "b", "b", (), 1),
                Projection("twice", "b", "b", (), 2),
                Projection("feeding", "b", "a", (), 1),
                Projection("flat", "a", "b", (Conv2d(np.ones((1, 1, 1, 1), np.float32)),)),
            ),
            ("b", "void"),
        )
    findings = caught.value.findings
    assert {finding.code for finding in findings} == {"E004"}
    parameters = len(two.arrays())
    assert sorted(finding.where for finding in findings) == sorted(
        ["b", "twice", "feeding", "dangling", "void", "unfit", "wrong", "flat", *["c"] * parameters]
    )


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 4), generators())
def test_loop_without_delay_is_refused_with_its_path(length, rng):
    """A ring of any length, even of one neuron, is E022, and every member is named."""
    names = [f"n{i}" for i in range(length)]
    with pytest.raises(UnsupportedError) as caught:
        Network(tuple(Population(name, (1,), neuron(rng, (1,))) for name in names), ring(names), (names[0],))
    (finding,) = caught.value.findings
    assert finding.code == "E022"
    assert set(finding.where.split(" -> ")) == set(names)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 4), st.integers(0, 3), generators())
def test_loop_with_a_delay_is_one_component(length, where, rng):
    """One delayed projection makes a ring executable: its target comes first, and its source last."""
    names = [f"n{i}" for i in range(length)]
    projections = list(ring(names))
    late = replace(projections[where % length], delay=2)
    projections[where % length] = late
    network = Network(
        tuple(Population(name, (1,), neuron(rng, (1,))) for name in names), tuple(projections), (names[0],)
    )
    (component,) = network.components
    assert (component[0], component[-1]) == (late.target, late.source)
    assert set(component) == set(names)
    assert network.loops == {component}


def ring(names: list[str]) -> tuple[Projection, ...]:
    """Projections from each of the populations to the next, and from the last to the first."""
    one = (Linear(np.ones((1, 1), np.float32)),)
    return tuple(Projection(f"e{i}", name, names[(i + 1) % len(names)], one) for i, name in enumerate(names))


def test_negative_delay_is_refused():
    """No spike arrives before it was sent: E004."""
    network = small_network()
    with pytest.raises(InputError, match="E004 .*delay of -1"):
        replace(network, projections=(replace(network.projections[0], delay=-1), *network.projections[1:]))
