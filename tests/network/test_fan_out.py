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

from spear_deploy.measure.runs import measure_float
from spear_deploy.network import AvgPool2d, Conv2d, Flatten, Input, Linear, Network, Neuron, Population, Projection
from spear_deploy.network.fan_out import fan_out, fan_outs, synapse_count
from spear_deploy.network.ops import Shape, chain_shapes
from spear_deploy.network.synapses import ConvSynapses, DenseSynapses
from spear_deploy.simulate.simulator import FloatSimulator
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
    populations = (Input("in", shape), Population("out", shape, plain(shape)))
    (synapses,) = Network(populations, (Projection("c", "in", "out", (op,)),), ("out",)).synapses
    assert fan_out(synapses, {"in": shape}).every.max() == 9


@settings(max_examples=25, deadline=None)
@given(networks())
def test_every_projection_is_counted(network):
    """One fan-out a projection, of the source's size; existing synapses are never more than the structure."""
    shapes = {p.name: p.shape for p in network.populations}
    counted = fan_outs(network.synapses, shapes)
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
                case AvgPool2d():
                    layers.append(nn.AvgPool2d(op.kernel, op.stride))
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


def neurobench(network: Network, x: np.ndarray) -> dict[str, float]:
    """Operations per sample as NeuroBench counts them, for input (N, T, *shape)."""
    model, metric = SNNTorchModel(SnnTorchTwin(network)), SynapticOperations()
    model.register_hooks()
    data = torch.from_numpy(x)
    with torch.no_grad():
        result: dict[str, float] = metric(model, model(data), (data, None))
    model.cleanup_hooks()
    return result


def stack(shape: Shape, *chains: tuple[Linear | Conv2d | Flatten, ...]) -> Network:
    """A chain of populations."""
    populations, projections = [Input("in", shape)], []
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
    counted = neurobench(network, x)
    assert (activity.total.mean(), 0) == (counted["Effective_ACs"], counted["Effective_MACs"])
    assert activity.total_all.sum() > activity.total.sum()


# Line by line, the table of docs/synops.md: where the definitions part, and by how much


def test_real_valued_first_layer():
    """Values other than zero count here in every step; NeuroBench counts the same operations, as MACs."""
    rng = np.random.default_rng(3)
    network = dense(rng)
    x = (rng.random((4, 6, 20)) * (rng.random((4, 6, 20)) < 0.5)).astype(np.float32)
    activity, counted = measure_float(network, split_of(x)), neurobench(network, x)
    assert activity.synops["c0"].mean() == counted["Effective_MACs"]
    assert activity.total.mean() == counted["Effective_MACs"] + counted["Effective_ACs"]


def test_pooling():
    """Here the spikes in front of a pool count through the composed synapses; NeuroBench sees MACs on the averages."""
    rng = np.random.default_rng(0)
    first, second = with_bias(Conv2d(weights(rng, 4, 2, 3, 3))), with_bias(Conv2d(weights(rng, 3, 4, 3, 3)))
    network = stack((2, 10, 10), (first,), (AvgPool2d((2, 2), (2, 2)), second))
    x = spikes(rng, 4, 6, 2, 10, 10, rate=0.3)
    activity, counted = measure_float(network, split_of(x)), neurobench(network, x)
    assert activity.synops["c0"].mean() == counted["Effective_ACs"]
    assert counted["Effective_MACs"] > 0
    pooled_kernel = np.repeat(np.repeat(second.weight, 2, axis=2), 2, axis=3)
    composed = ConvSynapses("c1", "p0", "p1", pooled_kernel, stride=(2, 2))
    with torch.no_grad():
        sent = FloatSimulator(network)({"in": torch.from_numpy(x.swapaxes(0, 1))})["p0"].sum(dim=(0, 1)).flatten()
    assert activity.synops["c1"].sum() == sent.numpy() @ reached(composed, pooled_kernel, (4, 8, 8))


def test_residual_sums():
    """Two projections into one population: a spike counts in each; no tool's sum of spikes (0, 1, 2) enters."""
    rng = np.random.default_rng(0)
    conv = with_bias(Conv2d(weights(rng, 2, 2, 3, 3), None, padding=(1, 1)))
    shape = (2, 5, 5)
    populations = (Input("in", shape), Population("p", shape, plain(shape)))
    projections = (Projection("main", "in", "p", (conv,)), Projection("skip", "in", "p", ()))
    x = spikes(rng, 4, 6, *shape, rate=0.3)
    activity = measure_float(Network(populations, projections, ("p",)), split_of(x))
    alone = measure_float(Network(populations, projections[:1], ("p",)), split_of(x))
    np.testing.assert_array_equal(activity.synops["main"], alone.synops["main"])
    assert activity.synops["skip"].sum() == x.sum()


def test_biases_and_neuron_updates_are_no_operations():
    """A network that only its biases drive has the SynOps of its spikes; a silent one has none."""
    rng = np.random.default_rng(0)
    firing = stack((20,), (Linear(weights(rng, 16, 20), np.full(16, 2, np.float32)),), (Linear(weights(rng, 5, 16)),))
    activity = measure_float(firing, split_of(np.zeros((3, 6, 20), np.float32)))
    assert activity.synops["c0"].tolist() == [0, 0, 0]
    assert activity.synops["c1"].tolist() == [6 * np.count_nonzero(firing.projections[1].ops[0].weight)] * 3
    silent = stack((20,), (Linear(weights(rng, 16, 20)),))
    assert measure_float(silent, split_of(np.zeros((3, 6, 20), np.float32))).total_all.tolist() == [0, 0, 0]


def test_zeroed_weights_are_no_synapses():
    """As in NeuroBench's effective count; the count over all synapses keeps them."""
    rng = np.random.default_rng(0)
    full = stack((20,), (with_bias(Linear(rng.uniform(0.1, 1, (16, 20)).astype(np.float32))),))
    mask = rng.random((16, 20)) < 0.5
    (projection,) = full.projections
    (op,) = projection.ops
    sparse = replace(full, projections=(replace(projection, ops=(replace(op, weight=op.weight * mask),)),))
    x = spikes(rng, 4, 6, 20, rate=0.3)
    activity, before = measure_float(sparse, split_of(x)), measure_float(full, split_of(x))
    assert activity.total.mean() == neurobench(sparse, x)["Effective_ACs"] < before.total.mean()
    np.testing.assert_array_equal(activity.total_all, before.total)


def test_unit_is_a_sample():
    """Twice the steps are twice the operations; twice the samples are the same mean."""
    rng = np.random.default_rng(0)
    network = stack((20,), (Linear(weights(rng, 16, 20)),))
    x = spikes(rng, 4, 6, 20, rate=0.3)
    once = measure_float(network, split_of(x))
    longer = measure_float(network, split_of(np.concatenate([x, x], axis=1)))
    more = measure_float(network, split_of(np.concatenate([x, x])))
    np.testing.assert_array_equal(longer.total, 2 * once.total)
    assert more.mean_synops == once.mean_synops == neurobench(with_biases(network), x)["Effective_ACs"]


def test_graded_spikes_count_once():
    """A payload of 3 is one spike."""
    rng = np.random.default_rng(0)
    network = stack((20,), (Linear(weights(rng, 16, 20)),))
    x = spikes(rng, 4, 6, 20, rate=0.3)
    np.testing.assert_array_equal(
        measure_float(network, split_of(3 * x)).total, measure_float(network, split_of(x)).total
    )


def with_biases(network: Network) -> Network:
    """The network with a bias of zero in every layer: the twin needs one."""
    projections = tuple(
        replace(p, ops=tuple(replace(op, bias=np.zeros(len(op.weight), np.float32)) for op in p.ops))
        for p in network.projections
    )
    return replace(network, projections=projections)
