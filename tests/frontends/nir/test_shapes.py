"""Parameters with fewer values than neurons are spread as numpy does; what does not fit is told with a fix."""

from __future__ import annotations

import numpy as np
import pytest

from spear_deploy.errors import InputError
from spear_deploy.frontends.nir.file import NirGraph, NirNode
from spear_deploy.frontends.nir.neurons import NEURON_TYPES
from spear_deploy.frontends.nir.reader import convert
from spear_deploy.frontends.nir.shapes import MisfitError, spread
from spear_deploy.network import Neuron, Scale
from tests.frontends.nir.graphs import LITERAL, chain, conv, lif, linear, node

MAP = (5, 6, 7)
FITTING = [(1,), (1, 1), (1, 1, 1), (5, 1, 1), (1, 6, 1), (1, 1, 7), (5, 6, 1), (5, 1, 7), (1, 5, 1, 1), (6, 7), (7,)]


def behind(neuron: NirNode, shape: tuple[int, ...] = MAP) -> NirGraph:
    """Return a graph in which neurons are fed a map: by a convolution of one tap."""
    return chain(conv(5, 5, (1, 1)), neuron, shape=shape)


def values(shape: tuple[int, ...], low: float) -> np.ndarray:
    return (low + np.arange(np.prod(shape)) / np.prod(shape)).reshape(shape)


@pytest.mark.parametrize("shape", FITTING)
def test_spread_is_numpys(shape: tuple[int, ...]) -> None:
    """Every stored shape that broadcasts gives what numpy gives; batch axes in front are none."""
    array = values(shape, 1.0)
    expected = np.broadcast_to(array.reshape(shape[-3:]), MAP)
    np.testing.assert_array_equal(spread("x", array, MAP), expected)


@pytest.mark.parametrize("kind", NEURON_TYPES)
@pytest.mark.parametrize("shape", FITTING)
def test_every_parameter_of_every_neuron(kind: str, shape: tuple[int, ...]) -> None:
    """A node with one field spread and all others full is the node with all fields in full, and a note says so."""
    for key in NEURON_TYPES[kind]:
        full = {k: values(MAP, 2.0) for k in NEURON_TYPES[kind]}
        stored = full | {key: values(shape, 3.0)}
        written = full | {key: np.broadcast_to(stored[key].reshape(shape[-3:]), MAP)}
        one, two = (convert(behind(node(kind, **fields)), LITERAL) for fields in (stored, written))
        assert one.network.content_hash == two.network.content_hash
    alike = convert(behind(node(kind, **{k: values(shape, 2.0) for k in NEURON_TYPES[kind]})), LITERAL)
    assert "N001" in {note.code for note in alike.notes}
    assert alike.network["n1"].shape == MAP


def test_shapes_may_differ_between_parameters() -> None:
    """One value a channel beside one a row beside one for all."""
    fields = {"tau": values((5, 1, 1), 2.0), "r": np.ones(()), "v_leak": values((1, 6, 1), 0.0)}
    neuron = convert(behind(node("LIF", **fields, v_threshold=values((7,), 3.0))), LITERAL).network["n1"].neuron
    assert isinstance(neuron, Neuron)
    np.testing.assert_allclose(neuron.beta[:, 2, 3], 1 - 1 / values((5,), 2.0), rtol=1e-6)
    np.testing.assert_allclose(neuron.threshold[4, 2, :], values((7,), 3.0), rtol=1e-6)


def test_a_map_of_one_dimension() -> None:
    """(C, 1) is one value a channel of (C, L)."""
    conv1d = NirNode("Conv1d", {"weight": np.ones((5, 5, 1)), "bias": np.zeros(5)})
    fields = {"tau": values((5, 1), 2.0), "r": np.ones(1), "v_leak": np.zeros(1), "v_threshold": np.ones((5, 1))}
    network = convert(chain(conv1d, node("LIF", **fields), shape=(5, 8)), LITERAL).network
    assert network["n1"].shape == (5, 1, 8)
    np.testing.assert_allclose(network["n1"].neuron.beta[:, 0, 3], 1 - 1 / values((5,), 2.0), rtol=1e-6)


@pytest.mark.parametrize(
    ("shape", "fix"),
    [
        ((5,), "(5, 1, 1)"),  # channels, but not numpy's last axis
        ((5, 6), "(5, 6, 1)"),
        ((4, 1, 1), "(5, 1, 1) for one value a channel"),
        ((3,), "(5, 6, 7)"),
        ((5, 6, 3), "(5, 6, 7)"),
        ((2, 5, 1, 1), "(5, 1, 1)"),
    ],
)
def test_what_does_not_broadcast(shape: tuple[int, ...], fix: str) -> None:
    """E004 names the node and how to store it; nothing is guessed."""
    with pytest.raises(InputError) as caught:
        convert(behind(node("LIF", **{k: values(shape, 2.0) for k in NEURON_TYPES["LIF"]})), LITERAL)
    (finding,) = caught.value.findings
    assert (finding.code, finding.where) == ("E004", "node 'n1'")
    assert fix in finding.fix


@pytest.mark.parametrize(("stored", "shape"), [((6,), (6, 6, 6)), ((6,), (5, 6, 6)), ((1, 6), (5, 6, 6))])
def test_several_readings_are_none(stored: tuple[int, ...], shape: tuple[int, ...]) -> None:
    """A vector that fits several axes is refused with the shapes that say which."""
    with pytest.raises(MisfitError, match="does not say which axes") as caught:
        spread("tau", values(stored, 1.0), shape)
    assert "(1, 1, 6)" in caught.value.fix
    assert " or " in caught.value.fix


def test_neurons_of_another_number() -> None:
    """A vector of neurons behind another number of values is a mismatch, with a fix."""
    with pytest.raises(InputError) as caught:
        convert(chain(linear(3, 2), lif(4), shape=(2,)), LITERAL)
    (finding,) = caught.value.findings
    assert (finding.code, finding.fix) == ("E004", "store it as (3,), or as one value")


@pytest.mark.parametrize("shape", FITTING)
def test_scales_and_delays(shape: tuple[int, ...]) -> None:
    """They are elementwise too."""
    factor = values(shape, 1.0)
    network = convert(chain(NirNode("Scale", {"scale": factor}), lif(*MAP), shape=MAP), LITERAL).network
    (op,) = network.projections[0].ops
    assert isinstance(op, Scale)
    np.testing.assert_array_equal(op.factor, np.broadcast_to(factor.reshape(shape[-3:]), MAP).astype(np.float32))
    late = convert(chain(NirNode("Delay", {"delay": np.full(shape, 2.0)}), lif(*MAP), shape=MAP), LITERAL).network
    assert [p.delay for p in late.projections] == [2]
