"""Removing units equals silencing them, and slices what Torch-Pruning slices."""

from __future__ import annotations

from dataclasses import replace
from math import prod

import numpy as np
import pytest
import torch
import torch_pruning
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from spear_deploy.network import (
    AvgPool2d,
    Conv2d,
    Flatten,
    Input,
    Linear,
    Network,
    Population,
    Projection,
    Scale,
    SumPool2d,
)
from spear_deploy.network.units import UnitGroups, keep_units, unit_groups
from spear_deploy.simulate.simulator import FloatSimulator
from tests.strategies import Builder, biases, linear, networks, neuron, spikes, weights

STEPS = 6


def simulate(network: Network, x: np.ndarray) -> dict[str, np.ndarray]:
    with torch.no_grad():
        return {name: out.numpy() for name, out in FloatSimulator(network)({"in": torch.from_numpy(x)}).items()}


def silenced(network: Network, removed: dict[str, np.ndarray]) -> Network:
    """The network in which nothing that the removed units send arrives anywhere."""

    def cut(projection: Projection) -> Projection:
        if projection.source not in removed:
            return projection
        mask = np.ones(network[projection.source].shape, np.float32)
        mask[removed[projection.source]] = 0
        return replace(projection, ops=(Scale(mask), *projection.ops))

    return replace(network, projections=tuple(cut(projection) for projection in network.projections))


@settings(max_examples=20, deadline=None)
@given(networks(readout=False, timed=True))
def test_weights_that_are_left_lie_row_by_row(network: Network) -> None:
    """As those of the whole do: columns of a large matrix take ten times as long as its rows."""
    left = keep_units(network, {group.name: np.arange(0, group.units, 2) for group in unit_groups(network).groups})
    weights_left = [op.weight for p in left.projections for op in p.ops if isinstance(op, Linear | Conv2d)]
    assert all(weight.flags.c_contiguous for weight in weights_left)


@settings(max_examples=40, deadline=None)
@given(networks(readout=False, timed=True), st.data())
def test_removing_units_equals_silencing_them(network, data):
    """Spikes of all units that stay are those of the whole network in which the removed ones reach nothing."""
    kept = {}
    for group in unit_groups(network).groups:
        chosen = data.draw(st.sets(st.integers(0, group.units - 1), min_size=1))
        kept |= dict.fromkeys(group.populations, np.array(sorted(chosen)))
    removed = {name: np.setdiff1d(np.arange(network[name].units), units) for name, units in kept.items()}
    groups = {group.name: kept[group.name] for group in unit_groups(network).groups}
    x = spikes(np.random.default_rng(0), STEPS, 3, *network["in"].shape)
    pruned, whole = simulate(keep_units(network, groups), x), simulate(silenced(network, removed), x)
    for name, out in pruned.items():
        expected = whole[name][:, :, kept[name]] if name in kept else whole[name]
        np.testing.assert_array_equal(out, expected, err_msg=name)


@settings(max_examples=40, deadline=None)
@given(networks(timed=True))
def test_every_population_is_in_one_group_or_frozen_with_a_reason(network):
    """Groups and frozen populations are a partition; members of a group have equally many units."""
    found = unit_groups(network)
    grouped = [name for group in found.groups for name in group.populations]
    assert sorted([*grouped, *found.frozen]) == sorted(network.order)
    assert all(network[name].units == group.units for group in found.groups for name in group.populations)
    assert all(found.frozen.values())


def torch_twin(network: Network) -> nn.Sequential:
    """The weights of a chain of projections as a PyTorch module."""
    layers: list[nn.Module] = []
    for op in (op for projection in network.projections for op in projection.ops):
        if isinstance(op, Flatten):
            layers.append(nn.Flatten())
            continue
        shape = op.weight.shape
        layer = nn.Conv2d(shape[1], shape[0], 3, padding=1) if isinstance(op, Conv2d) else nn.Linear(*shape[::-1])
        layer.weight.data, layer.bias.data = torch.tensor(op.weight), torch.tensor(op.bias)
        layers += [layer, nn.ReLU()]
    return nn.Sequential(*layers)


@settings(max_examples=10, deadline=None)
@given(st.sets(st.integers(0, 5), min_size=1, max_size=5), st.sets(st.integers(0, 3), min_size=1, max_size=3))
def test_slices_are_those_of_torch_pruning(first, second):
    """Convolution, convolution, flatten, linear: all weights and biases equal Torch-Pruning's."""
    rng = np.random.default_rng(0)
    build = Builder(rng, (2, 5, 4))
    for channels in (6, 4):
        bias = rng.normal(size=channels).astype(np.float32)
        build.add((replace(build.same(channels), bias=bias),))
    build.add((Flatten(), replace(linear(rng, 3, 80), bias=np.zeros(3, np.float32))))
    network = build.network()
    twin = torch_twin(network)
    graph = torch_pruning.DependencyGraph().build_dependency(twin, torch.zeros(1, 2, 5, 4))
    for layer, units in ((twin[0], first), (twin[2], second)):
        graph.get_pruning_group(layer, torch_pruning.prune_conv_out_channels, sorted(units)).prune()

    kept = {"p1": np.setdiff1d(np.arange(6), list(first)), "p2": np.setdiff1d(np.arange(4), list(second))}
    pruned = keep_units(network, kept)
    ops = [op for p in pruned.projections for op in p.ops if not isinstance(op, Flatten)]
    layers = [layer for layer in twin if hasattr(layer, "weight")]
    for op, layer in zip(ops, layers, strict=True):
        np.testing.assert_array_equal(op.weight, layer.weight.detach().numpy())
        np.testing.assert_array_equal(op.bias, layer.bias.detach().numpy())


def groups_of(build: Builder) -> UnitGroups:
    return unit_groups(build.network())


def builder(channels: int = 4) -> Builder:
    """An input and one convolution, p1."""
    build = Builder(np.random.default_rng(0), (2, 4, 4))
    build.add((build.same(channels),))
    return build


def close(build: Builder) -> UnitGroups:
    """Add a linear output behind a flattening and find the groups."""
    build.add((Flatten(), linear(build.rng, 3, prod(build.last.shape))))
    return groups_of(build)


def test_inputs_and_outputs_are_frozen():
    """Their units have a meaning outside the network."""
    found = close(builder())
    assert dict(found.frozen) == {"in": "it is an input", "p2": "it is an output"}
    assert [group.populations for group in found.groups] == [("p1",)]


@pytest.mark.parametrize("tie", [(), (SumPool2d((2, 2), (2, 2)),), (Scale(np.ones((4, 4, 4), np.float32)),)])
def test_channelwise_projections_tie(tie):
    """Identity, pooling and scaling join their ends into one group, named after the first."""
    build = builder()
    build.add(tie)
    (group,) = close(build).groups
    assert (group.name, group.populations, group.units) == ("p1", ("p1", "p2"), 4)


def test_residual_skip_ties_both_ends_but_not_the_block_inside():
    """x + f(x): the sum and x lose the same channels, the layer inside f its own."""
    build = builder()
    build.add((build.same(3),))
    build.add((build.same(4),), (), sources=("p2", "p1"))
    assert [group.populations for group in close(build).groups] == [("p1", "p3"), ("p2",)]


def test_depthwise_convolution_ties():
    """A depthwise convolution mixes no channels."""
    build = builder()
    build.add((build.depthwise(),))
    assert [group.populations for group in close(build).groups] == [("p1", "p2")]


def test_grouped_convolution_freezes_both_ends():
    """Groups of several channels could not be kept equally large."""
    build = builder()
    build.add((Conv2d(weights(build.rng, 4, 2, 3, 3), None, padding=(1, 1), groups=2),))
    found = close(build)
    assert not found.groups
    assert found.frozen["p1"] == found.frozen["p2"] == "projection 'p1>p2.0' is a grouped convolution"


def test_flattening_just_before_a_population_freezes_it():
    """Its units would be pixels of a channel; a tied flattening freezes both ends."""
    build = builder()
    build.add((build.same(2), Flatten()))
    build.add((Flatten(),))
    build.add((linear(build.rng, 3, 32),))
    found = groups_of(build)
    assert [group.populations for group in found.groups] == [("p1",)]
    assert found.frozen["p2"] == "projection 'p1>p2.0' is flattened just before it"
    assert found.frozen["p3"] == "it is tied to 'p2', and projection 'p1>p2.0' is flattened just before it"


def test_flattening_of_single_pixels_ties():
    """Behind a pooling to one pixel a channel is one neuron: nothing is in the way of pruning."""
    build = builder()
    build.add((build.same(3), AvgPool2d((4, 4), (4, 4)), Flatten()))
    build.add((linear(build.rng, 2, 3),))
    assert [group.populations for group in groups_of(build).groups] == [("p1",), ("p2",)]


def test_what_is_tied_to_an_input_is_frozen():
    """A pooling of the input leaves the pooled population whole, and the reason names the input."""
    build = Builder(np.random.default_rng(0), (2, 4, 4))
    build.add((SumPool2d((2, 2), (2, 2)),))
    build.add((build.same(2),))
    found = close(build)
    assert found.frozen["p1"] == "it is tied to 'in', and it is an input"
    assert [group.name for group in found.groups] == ["p2"]


def test_bias_that_outlives_a_channel_freezes_it():
    """A depthwise bias before a mixing convolution acts on without spikes: no slice equals silencing."""
    build = builder()
    bias = np.ones(4, np.float32)
    build.add((replace(build.depthwise(), bias=bias), build.same(2, 1)))
    found = close(build)
    assert found.frozen["p1"] == "projection 'p1>p2.0' adds a bias before it mixes"
    assert [group.name for group in found.groups] == ["p2"]


def test_two_convolutions_without_neurons_between():
    """Inputs are sliced from the first mixing operation, outputs from the last; what is between stays."""
    rng = np.random.default_rng(0)
    ops = (Conv2d(weights(rng, 5, 3, 1, 1)), Conv2d(weights(rng, 4, 5, 1, 1), biases(rng, 4)))
    populations = (
        Input("in", (2,)),
        Population("a", (3, 1, 1), neuron(rng, (3, 1, 1))),
        Population("b", (4, 1, 1), neuron(rng, (4, 1, 1))),
        Population("out", (2,), neuron(rng, (2,))),
    )
    projections = (Projection("ab", "a", "b", ops), Projection("out", "b", "out", (Flatten(), linear(rng, 2, 4))))
    pruned = keep_units(Network(populations, projections, ("out",)), {"a": np.array([0, 2]), "b": np.array([1])})
    first, second = pruned.projections[0].ops
    np.testing.assert_array_equal(first.weight, ops[0].weight[:, [0, 2]])
    np.testing.assert_array_equal(second.weight, ops[1].weight[[1]])


@pytest.mark.parametrize("kept", [{"p1": np.array([], np.intp)}, {"in": np.array([0])}, {"void": np.array([0])}])
def test_impossible_selections_are_refused(kept):
    """No units at all, a frozen population, an unknown name."""
    build = builder()
    build.add((Flatten(), Linear(np.ones((3, 64), np.float32))))
    with pytest.raises(ValueError, match="lose all its units|not a prunable group"):
        keep_units(build.network(), kept)
