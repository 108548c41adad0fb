"""Fan-out against the matrix of a projection, SynOps against NeuroBench."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from math import prod

import numpy as np
import pytest
import snntorch
import torch
import torch.nn.functional as functional
from hypothesis import given, settings
from hypothesis import strategies as st
from neurobench.metrics.workload import SynapticOperations
from neurobench.models import SNNTorchModel
from torch import nn

from spear_deploy.lower.compose import ConvSynapses, DenseSynapses, compose
from spear_deploy.network import Conv2d, Flatten, Linear, Network, Neuron, Population, Projection
from spear_deploy.network.ops import Shape, chain_shapes
from spear_deploy.simulate.measure import measure_float
from spear_deploy.simulate.synops import fan_out, fan_outs, synapse_count
from tests.strategies import convolutions, generators, networks, spikes, split_of, weights


def reached(conv: ConvSynapses, weight: np.ndarray, shape: Shape) -> np.ndarray:
    """For each source neuron, how many target neurons its spike alone moves."""
    size = prod(shape)
    unit = torch.eye(size, dtype=torch.float64).reshape(size, *shape)
    geometry = (conv.stride, conv.padding, conv.dilation, conv.groups)
    out = functional.conv2d(unit, torch.tensor(weight, dtype=torch.float64), None, *geometry)
    return torch.count_nonzero(out.flatten(1), dim=1).numpy()


@settings(max_examples=80, deadline=None)
@given(st.data(), generators())
def test_fan_out_of_convolutions_is_exact(data, rng):
    """Borders, stride, dilation and groups: as many synapses as target neurons that a lone spike moves."""
    shape = data.draw(st.tuples(st.sampled_from([1, 2, 4]), st.integers(1, 6), st.integers(1, 6)))
    op = data.draw(convolutions(shape, rng))
    conv = ConvSynapses("c", "a", "b", op.weight, op.stride, op.padding, op.dilation, op.groups)
    counted = fan_out(conv, {"a": shape})
    np.testing.assert_array_equal(counted.every, reached(conv, np.ones_like(op.weight), shape))
    np.testing.assert_array_equal(counted.nonzero, reached(conv, op.weight, shape))
    assert synapse_count(conv, {"a": shape}) == counted.nonzero.sum()


@given(generators())
def test_fan_out_of_matrices(rng):
    """Every target counts as structure, only weights other than zero as existing synapses."""
    weight = weights(rng, 5, 8)
    counted = fan_out(DenseSynapses("d", "a", "b", weight), {"a": (8,)})
    assert counted.every.tolist() == [5] * 8
    assert counted.nonzero.tolist() == [sum(value != 0 for value in column) for column in weight.T]


def test_gaps_of_a_dilated_kernel_are_no_synapses():
    """A 3 x 3 kernel has nine synapses on each neuron, however far it is spread."""
    shape = (1, 9, 9)
    op = Conv2d(np.ones((1, 1, 3, 3), np.float32), None, padding=(2, 2), dilation=(2, 2))
    populations = (Population("in", shape), Population("out", shape, plain(shape)))
    (synapses,) = compose(Network(populations, (Projection("c", "in", "out", (op,)),), ("out",)))
    assert fan_out(synapses, {"in": shape}).every.max() == 9


@settings(max_examples=25, deadline=None)
@given(networks())
def test_every_projection_is_counted(network):
    """One fan-out a projection, of the source's size; existing synapses are never more than the structure."""
    shapes = {p.name: p.shape for p in network.populations}
    counted = fan_outs(compose(network), shapes)
    assert [(f.name, f.source, f.target) for f in counted] == [
        (p.name, p.source, p.target) for p in network.projections
    ]
    for item in counted:
        assert item.every.shape == item.nonzero.shape == (network[item.source].size,)
        assert np.all(item.nonzero <= item.every)


THRESHOLD, BETA = 1.0, 0.5


def plain(shape: Shape) -> Neuron:
    """The neuron of snnTorch's Leaky with an immediate reset to zero."""
    zero, one = np.zeros(shape, np.float32), np.ones(shape, np.float32)
    return Neuron(zero, BETA * one, one, zero, zero, THRESHOLD * one)


class SnnTorchTwin(nn.Module):
    """The same network in snnTorch."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for op in (op for projection in network.projections for op in projection.ops):
            match op:
                case Flatten():
                    layers.append(nn.Flatten())
                    continue
                case Linear():
                    layer: nn.Module = nn.Linear(*op.weight.shape[::-1])
                case Conv2d():
                    out_channels, per_group = op.weight.shape[:2]
                    geometry = (op.weight.shape[2:], op.stride, op.padding, op.dilation, op.groups)
                    layer = nn.Conv2d(per_group * op.groups, out_channels, *geometry)
            layer.weight.data, layer.bias.data = torch.tensor(op.weight), torch.tensor(op.bias)
            neuron = snntorch.Leaky(BETA, THRESHOLD, init_hidden=True, reset_mechanism="zero", reset_delay=False)
            layers += [layer, neuron]
        self.layers = nn.Sequential(*layers)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, None]:
        return self.layers(x), None


def neurobench_synops(network: Network, x: np.ndarray) -> float:
    """Effective accumulates per sample as NeuroBench counts them, for input (N, T, *shape)."""
    model, metric = SNNTorchModel(SnnTorchTwin(network)), SynapticOperations()
    model.register_hooks()
    data = torch.from_numpy(x)
    with torch.no_grad():
        result = metric(model, model(data), (data, None))
    model.cleanup_hooks()
    assert result["Effective_MACs"] == 0
    return result["Effective_ACs"]


def stack(shape: Shape, *chains: tuple[Linear | Conv2d | Flatten, ...]) -> Network:
    """A chain of populations."""
    populations, projections = [Population("in", shape)], []
    for index, ops in enumerate(chains):
        source = populations[-1]
        shape = chain_shapes(ops, source.shape)[-1]
        populations.append(Population(f"p{index}", shape, plain(shape)))
        projections.append(Projection(f"c{index}", source.name, f"p{index}", ops))
    return Network(tuple(populations), tuple(projections), (populations[-1].name,))


def with_bias(op: Linear | Conv2d) -> Linear | Conv2d:
    return replace(op, bias=np.full(len(op.weight), 0.25, np.float32))


def dense(rng: np.random.Generator) -> Network:
    sizes = (20, 16, 12, 5)
    return stack((20,), *((with_bias(Linear(weights(rng, b, a))),) for a, b in pairwise(sizes)))


def convolutional(rng: np.random.Generator) -> Network:
    return stack(
        (2, 9, 7),
        (with_bias(Conv2d(weights(rng, 4, 2, 3, 3), None, (2, 1), (1, 1))),),
        (with_bias(Conv2d(weights(rng, 6, 2, 3, 3), None, (1, 1), (2, 2), (2, 2), 2)),),
        (Flatten(), with_bias(Linear(weights(rng, 5, 6 * 5 * 7)))),
    )


@pytest.mark.parametrize("build", [dense, convolutional])
@pytest.mark.parametrize("seed", [0, 1])
def test_synops_equal_neurobench(build, seed):
    """Existing synapses reached by spikes, borders exact, biases and zero weights not counted: its effective ACs."""
    rng = np.random.default_rng(seed)
    network = build(rng)
    x = spikes(rng, 8, 6, *network["in"].shape, rate=0.3)
    activity = measure_float(network, split_of(x))
    assert all(counts.sum() > 0 for counts in activity.spikes.values())
    assert activity.total.mean() == neurobench_synops(network, x)
    assert activity.total_all.sum() > activity.total.sum()
