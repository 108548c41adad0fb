"""Padding by name gives PyTorch's values, whatever the kernel; and what it gives is written back and read again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from spear_deploy.errors import InputError
from spear_deploy.frontends import load, save
from spear_deploy.frontends.nir.file import NirGraph, NirNode
from spear_deploy.frontends.nir.reader import convert
from spear_deploy.network import Conv2d
from spear_deploy.network.fan_out import fan_outs
from spear_deploy.simulate.simulator import FloatSimulator
from tests.frontends.nir.graphs import LITERAL, chain, node, summing
from tests.frontends.nir.running import simulate

KERNELS = [(1, 1), (2, 2), (4, 3), (3, 4), (2, 5), (6, 4), (1, 2), (8, 8)]
pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same'")  # torch's remark on how it computes it


def graph_of(
    kernel: tuple[int, ...], dilation: int | tuple[int, ...], shape: tuple[int, ...], groups: int = 1
) -> NirGraph:
    rng = np.random.default_rng(3)
    kind = "Conv2d" if len(kernel) == 2 else "Conv1d"
    weight = rng.normal(size=(4, shape[0] // groups, *kernel)).astype(np.float32)
    fields = {"weight": weight, "bias": rng.normal(size=4).astype(np.float32), "padding": "same", "groups": groups}
    return chain(NirNode(kind, {**fields, "dilation": np.array(dilation)}), summing(4, *shape[1:]), shape=shape)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("dilation", [(1, 1), (2, 1), (3, 2), (3, 5)])
@pytest.mark.parametrize("groups", [1, 2])
def test_same_is_torchs(kernel: tuple[int, int], dilation: tuple[int, int], groups: int, tmp_path: Path) -> None:
    """Even and odd kernels, dilated and grouped: the value at every pixel."""
    graph = graph_of(kernel, dilation, (2, 9, 7), groups)
    imported = convert(graph, LITERAL)
    x = np.random.default_rng(4).normal(size=(2, 3, 2, 9, 7)).astype(np.float32)
    weight, bias = (torch.from_numpy(graph.nodes["n0"].values[key]) for key in ("weight", "bias"))
    flat = torch.from_numpy(x).flatten(0, 1)
    expected = functional.conv2d(flat, weight, bias, padding="same", dilation=dilation, groups=groups)
    np.testing.assert_allclose(simulate(imported.network, x)["n1"].reshape(expected.shape), expected, atol=1e-5)
    save(tmp_path / "again.nir", imported.network, imported.semantics)
    assert load(tmp_path / "again.nir").network.content_hash == imported.network.content_hash
    even = any(d * (k - 1) % 2 for d, k in zip(dilation, kernel, strict=True))
    assert any("padding 'same' of an even kernel" in note.message for note in imported.notes) == even


@pytest.mark.parametrize("kernel", [1, 2, 4, 5])
@pytest.mark.parametrize("dilation", [1, 2, 3])
def test_same_in_one_dimension(kernel: int, dilation: int) -> None:
    """Conv1d alike."""
    graph = graph_of((kernel,), dilation, (2, 11))
    x = np.random.default_rng(4).normal(size=(2, 3, 2, 1, 11)).astype(np.float32)
    weight, bias = (torch.from_numpy(graph.nodes["n0"].values[key]) for key in ("weight", "bias"))
    flat = torch.from_numpy(x[..., 0, :]).flatten(0, 1)
    expected = functional.conv1d(flat, weight, bias, padding="same", dilation=dilation)
    found = simulate(convert(graph, LITERAL).network, x)["n1"]
    np.testing.assert_allclose(found.reshape(expected.shape), expected, atol=1e-5)


def test_zeros_in_front_are_no_synapses_and_stay_so() -> None:
    """They are not counted, and training does not fill them."""
    network = convert(graph_of((2, 4), (1, 1), (2, 9, 7)), LITERAL).network
    (op,) = network.projections[0].ops
    assert isinstance(op, Conv2d)
    assert op.weight.shape == (4, 2, 3, 5)
    (synapses,) = fan_outs(network.synapses, network.shapes)
    assert synapses.nonzero.max() == 4 * 2 * 4
    simulator = FloatSimulator(network)
    before = simulator.to_network().projections[0].ops[0].weight
    optimiser = torch.optim.SGD(simulator.parameters(), lr=0.1)
    simulator({"input": torch.ones(3, 2, 2, 9, 7)})["n1"].square().sum().backward()
    optimiser.step()
    after = simulator.to_network().projections[0].ops[0].weight
    np.testing.assert_array_equal(after == 0, before == 0)
    assert np.all(after[before != 0] != before[before != 0])


@pytest.mark.parametrize(
    ("padding", "stride", "dilation", "told"),
    [
        ("same", 2, 1, "is not defined"),
        ("full", 1, 1, "neither a number, 'same' nor 'valid'"),
        ("same", 1, 99_999_999, "would make its kernel"),
    ],
)
def test_padding_without_a_reading(padding: str, stride: int, dilation: int, told: str) -> None:
    """A stride with 'same', other names, and a kernel that nobody can hold are E003."""
    fields = {"weight": np.ones((4, 2, 2, 2)), "bias": np.zeros(4), "stride": stride, "dilation": dilation}
    graph = chain(node("Conv2d", padding=padding, **fields), summing(4, 9, 7), shape=(2, 9, 7))
    with pytest.raises(InputError) as caught:
        convert(graph, LITERAL)
    (finding,) = caught.value.findings
    assert (finding.code, finding.where) == ("E003", "node 'n0'")
    assert told in finding.message
