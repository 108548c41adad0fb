"""Taylor importance: what silencing a unit would do to the loss."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as functional
from hypothesis import given
from hypothesis import strategies as st

from spear_deploy.data import Dataset, SpikeSamples, Split
from spear_deploy.execution import Execution
from spear_deploy.measure.measured import Baseline
from spear_deploy.network import Conv2d, Flatten, Input, Linear, Network, Neuron, Population, Projection
from spear_deploy.network.units import unit_groups
from spear_deploy.search.evaluator import Evaluator
from spear_deploy.search.importance import (
    most_important,
    unit_importance,
    weight_importance,
)
from spear_deploy.search.options import SearchOptions
from spear_deploy.simulate.simulator import FloatSimulator
from tests.bounded import training_together


def with_rows(network: Network, projection: str, rows: list[int], factor: float) -> Network:
    """Scale the incoming weights of some units."""
    projections = []
    for item in network.projections:
        if item.name == projection:
            weight = item.ops[0].weight.copy()
            weight[rows] *= factor
            item = replace(item, ops=(Linear(weight),))  # noqa: PLW2901
        projections.append(item)
    return replace(network, projections=tuple(projections))


def test_silent_and_unheard_units_rank_last(tiny_network: Network, tiny_data: Dataset) -> None:
    """A unit that never fires, and one whose spikes nobody listens to, have an importance of exactly 0."""
    dead = with_rows(tiny_network, "to_hidden1", [3], 0.0)
    reader = dead.projections[1]
    weight = reader.ops[0].weight.copy()
    weight[:, 6] = 0
    unheard = replace(reader, ops=(Linear(weight),))
    network = replace(dead, projections=(dead.projections[0], unheard, dead.projections[2]))
    importance = unit_importance(network, unit_groups(network), tiny_data.train)
    assert importance["hidden1"][[3, 6]].tolist() == [0.0, 0.0]
    assert np.count_nonzero(importance["hidden1"] > 0) >= 6
    assert not {3, 6} & set(most_important(importance["hidden1"], 6).tolist())


def test_importance_is_the_gradient_of_silencing(tiny_network: Network, tiny_data: Dataset) -> None:
    """It equals |sum over time of s * dL/ds| per sample, worked out one sample at a time, whatever the batch."""
    split = tiny_data.train.head(10)
    expected = np.zeros(8)
    for position in range(10):
        x, labels = next(split.take(np.array([position])).batches(1))
        out = FloatSimulator(tiny_network)({"input": torch.from_numpy(np.array(x, np.float32))})
        out["hidden2"].retain_grad()
        functional.cross_entropy(out["output"].sum(0), torch.from_numpy(labels)).backward()
        expected += (out["hidden2"] * out["hidden2"].grad).sum(dim=(0, 1)).abs().detach().numpy() / 10
    for batch in (3, 10):
        found = unit_importance(tiny_network, unit_groups(tiny_network), split, batch=batch)
        np.testing.assert_allclose(found["hidden2"], expected, rtol=1e-4, atol=1e-7)


def test_channels_are_units_of_maps() -> None:
    """Of a map each channel is one unit, summed over space; a silent channel ranks last."""
    rng = np.random.default_rng(0)
    weight = rng.normal(0.3, 0.5, (4, 1, 3, 3)).astype(np.float32)
    weight[2] = 0
    shapes = {"maps": (4, 4, 4), "output": (3,)}
    neurons = {}
    for name, shape in shapes.items():
        zero, one = np.zeros(shape, np.float32), np.ones(shape, np.float32)
        neurons[name] = Population(
            name, shape, Neuron(alpha=zero, beta=0.9 * one, gain=one, bias=zero, reset_value=zero, threshold=one)
        )
    read = Linear(rng.normal(0, 0.3, (3, 64)).astype(np.float32))
    network = Network(
        (Input("input", (1, 6, 6)), *neurons.values()),
        (Projection("a", "input", "maps", (Conv2d(weight),)), Projection("b", "maps", "output", (Flatten(), read))),
        ("output",),
    )
    x = (rng.random((20, 5, 1, 6, 6)) < 0.5).astype(np.uint8)
    split = Split(SpikeSamples(x), np.arange(20) % 3, np.arange(20))
    importance = unit_importance(network, unit_groups(network), split)["maps"]
    assert importance.shape == (4,)
    assert importance[2] == 0
    assert np.all(importance[[0, 1, 3]] > 0)


@given(st.lists(st.sampled_from([0.0, 0.5, 1.0, 2.0]), min_size=1, max_size=12), st.data())
def test_most_important(values: list[float], data: st.DataObject) -> None:
    """The chosen units are sorted, no other unit is worth more, and of equal ones the first are taken."""
    importance = np.array(values)
    count = data.draw(st.integers(1, len(values)))
    chosen = most_important(importance, count)
    assert chosen.tolist() == sorted(sorted(range(len(values)), key=lambda unit: (-importance[unit], unit))[:count])


def test_pruned_networks_keep_the_important_units(tiny_network: Network, tiny_data: Dataset) -> None:
    """What the search builds from counts keeps the most important units, not merely the first ones."""
    silenced = with_rows(tiny_network, "to_hidden1", [0, 1, 2], 0.0)
    baseline = Baseline(silenced, *[None] * 5)  # type: ignore[arg-type]
    evaluator = Evaluator(baseline, tiny_data, None, SearchOptions(), Execution(), None)  # type: ignore[arg-type]
    kept = evaluator.kept_units({"hidden1": 5, "hidden2": 8})
    assert not {0, 1, 2} & set(kept["hidden1"].tolist())
    assert kept["hidden2"].tolist() == list(range(8))
    assert evaluator.pruned({"hidden1": 5})["hidden1"].shape == (5,)


def test_every_group_has_an_importance(tiny_network: Network, tiny_data: Dataset) -> None:
    """Every prunable group has an importance for each of its units; inputs and outputs have none."""
    importance = unit_importance(tiny_network, unit_groups(tiny_network), tiny_data.train)
    assert {name: value.shape for name, value in importance.items()} == {"hidden1": (10,), "hidden2": (8,)}
    assert all(np.all(value >= 0) and np.any(value > 0) for value in importance.values())


def test_a_bound_of_memory_changes_rounding_alone(tiny_network: Network, tiny_data: Dataset) -> None:
    """Importance of units and of weights is that of whole batches where few samples go together."""
    split, groups = tiny_data.train.head(40), unit_groups(tiny_network)
    bound = training_together(tiny_network, split.samples.steps, 6)
    whole, parts = (unit_importance(tiny_network, groups, split, each) for each in (Execution(), bound))
    for name, importance in whole.items():
        np.testing.assert_allclose(parts[name], importance, rtol=1e-4, atol=1e-9)
    of_weights, in_parts = (weight_importance(tiny_network, split, each) for each in (Execution(), bound))
    for place, importance in of_weights.items():
        np.testing.assert_allclose(in_parts[place], importance, rtol=1e-3, atol=1e-7)
