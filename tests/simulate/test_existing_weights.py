"""Training adds no synapses: a weight of exactly 0 stays 0, in float and as the chip computes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from spear_deploy.network import AvgPool2d, Conv2d, Flatten, Linear, LinearOp, Network
from spear_deploy.simulate.simulator import FloatSimulator, NetworkSimulator, existing_weights
from spear_deploy.targets import InputRange, LoweringOptions, compiler_for, load_chip
from tests.strategies import Builder

Train = Callable[[Network], NetworkSimulator]


def on_chip(network: Network) -> NetworkSimulator:
    return compiler_for(load_chip("loihi2"), {"in": InputRange()}, LoweringOptions()).trainable(network)


def sparse(rng: np.random.Generator, *shape: int) -> np.ndarray:
    weight = rng.normal(0.1, 0.5, shape)
    return (weight * (rng.random(shape) < 0.5)).astype(np.float32)


def network(kind: str) -> Network:
    rng = np.random.default_rng(0)
    build = Builder(rng, (2, 6, 6) if kind == "conv" else (9,))
    if kind == "conv":
        build.add((Conv2d(sparse(rng, 4, 2, 3, 3), np.full(4, 0.1, np.float32), padding=(1, 1)),))
        build.add((AvgPool2d((2, 2), (2, 2)), Flatten(), Linear(sparse(rng, 5, 36))))
        build.add((Linear(sparse(rng, 6, 5)), Linear(sparse(rng, 3, 6))))
    else:
        build.add((Linear(sparse(rng, 7, 9)),))
        if kind == "recurrent":
            build.feed_back((Linear(sparse(rng, 7, 7)),), delay=1)
        build.add((Linear(sparse(rng, 3, 7)),))
    return build.network()


def weights(network: Network) -> list[np.ndarray]:
    return [op.weight for p in network.projections for op in p.ops if isinstance(op, Conv2d | Linear)]


def trained(network: Network, simulator: Train) -> Network:
    student = simulator(network)
    optimiser = torch.optim.Adam(student.parameters(), lr=0.05)
    shape = network.inputs[0].shape
    x = torch.from_numpy((np.random.default_rng(1).random((6, 8, *shape)) < 0.5).astype(np.float32))
    for _ in range(5):
        optimiser.zero_grad()
        (student({"in": x})[network.outputs[0]] - 0.7).square().sum().backward()
        optimiser.step()
    return student.to_network()


@pytest.mark.parametrize("simulator", [FloatSimulator, on_chip], ids=["float", "chip"])
@pytest.mark.parametrize("kind", ["dense", "conv", "recurrent"])
def test_a_weight_of_zero_stays_zero(kind: str, simulator: Train) -> None:
    """No optimiser step makes a synapse; those that exist move, in every operation."""
    before = network(kind)
    for old, new in zip(weights(before), weights(trained(before, simulator)), strict=True):
        assert not new[old == 0].any()
        assert (new != old).mean() > 0.25


@pytest.mark.parametrize("simulator", [FloatSimulator, on_chip], ids=["float", "chip"])
def test_an_operation_of_zeros_alone_is_trained(simulator: Train) -> None:
    """Where nothing but zeros is given, there is no structure that training would have to keep."""
    before = network("dense")
    blank: LinearOp = Linear(np.zeros((3, 7), np.float32))
    projections = (*before.projections[:-1], replace(before.projections[-1], ops=(blank,)))
    after = trained(replace(before, projections=projections), simulator)
    assert weights(after)[-1].any()


def test_dense_weights_are_trained_as_they_are() -> None:
    """No mask costs time where every weight is a synapse."""
    assert existing_weights(Linear(np.ones((3, 4), np.float32))) is None
    assert existing_weights(Conv2d(np.ones((3, 4, 2, 2), np.float32))) is None
    simulator = FloatSimulator(network("recurrent"))
    assert len([name for name, _ in simulator.named_buffers() if "exists" in name]) == 3
