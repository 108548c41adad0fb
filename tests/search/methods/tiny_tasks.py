"""Tasks on tiny networks, for the methods that work on weights: dense, convolutional and recurrent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import numpy as np
import torch

from spear_deploy.data import DataOptions, Dataset, from_arrays
from spear_deploy.execution import Execution
from spear_deploy.network import Conv2d, Flatten, Input, Linear, Network, Population, Projection, SumPool2d
from spear_deploy.network.units import Units, unit_groups
from spear_deploy.search.cost import synops_cost
from spear_deploy.search.gradual import GradualPath, Stage
from spear_deploy.search.importance import unit_importance
from spear_deploy.search.methods import Proposal, Task
from spear_deploy.search.space import KeepCounts, PrunableGroup, Space
from spear_deploy.search.synapses import SynapseCosts
from spear_deploy.train.config import FinetuneConfig
from spear_deploy.train.finetune import finetune
from tests.conftest import leaky

KINDS = ("dense", "conv", "recurrent")


def network_of(kind: str) -> Network:
    """A network of 12 inputs (conv: 2 x 4 x 4) and 3 outputs with a skip, a pooling or a loop."""
    rng = np.random.default_rng(3)

    def weight(*shape: int) -> np.ndarray:
        return rng.normal(0.15, 0.4, shape).astype(np.float32)

    def population(name: str, *shape: int) -> Population:
        neuron = leaky(int(np.prod(shape)))
        return Population(name, shape, type(neuron)(**{n: a.reshape(shape) for n, a in neuron.arrays().items()}))

    if kind == "conv":
        populations = (Input("input", (2, 4, 4)), population("a", 6, 4, 4), population("b", 6, 4, 4))
        chains = {
            ("input", "a"): (Conv2d(weight(6, 2, 3, 3), np.full(6, 0.05, np.float32), padding=(1, 1)),),
            ("a", "b"): (Conv2d(weight(6, 6, 3, 3) / 2, padding=(1, 1)),),
            ("b", "output"): (SumPool2d((2, 2), (2, 2)), Flatten(), Linear(weight(3, 24) / 2)),
        }
        delays = {}
    else:
        populations = (Input("input", (12,)), population("a", 10), population("b", 8))
        chains = {
            ("input", "a"): (Linear(weight(10, 12)),),
            ("a", "b"): (Linear(weight(8, 10), np.full(8, 0.05, np.float32)),),
            ("b", "output"): (Linear(weight(3, 8)),),
        }
        delays = {}
        if kind == "recurrent":
            chains["a", "a"] = (Linear(weight(10, 10) / 3),)
            delays["a", "a"] = 1
    projections = tuple(Projection(f"{s}-{t}", s, t, ops, delays.get((s, t), 0)) for (s, t), ops in chains.items())
    return Network((*populations, population("output", 3)), projections, ("output",))


def data_of(network: Network) -> Dataset:
    """Three noisy patterns over the inputs: 120 samples of 6 steps."""
    rng = np.random.default_rng(0)
    y = np.arange(120) % 3
    shape = network.inputs[0].shape
    size = int(np.prod(shape))
    rates = 0.1 + 0.7 * (np.arange(size) * 3 // size == y[:, None, None])
    x = (rng.random((120, 6, size)) < rates).astype(np.uint8).reshape(120, 6, *shape)
    test = np.arange(120) % 5 == 0
    parts = {"x_train": x[~test], "y_train": y[~test], "x_test": x[test], "y_test": y[test]}
    return from_arrays(parts, "tiny", "tiny", DataOptions())


def task_of(network: Network, data: Dataset, target: float, seed: int = 0, known: tuple[KeepCounts, ...] = ()) -> Task:
    """A task whose prediction is the cost model's, with 24 steps of training."""
    groups = unit_groups(network)
    whole = Stage(network, {g.name: np.arange(g.units) for g in groups.groups}, 1.0, 0)
    brief = FinetuneConfig(epochs=2, batch=24, learning_rate=5e-3)
    described = tuple(PrunableGroup(g.name, g.units, 1, 0.5, False) for g in groups.groups)
    return Task(
        space=Space(described, 0.1, lambda counts: 0.0),
        target=target,
        predict=lambda proposal, outcome: outcome.synops,
        evaluations=10,
        importance=unit_importance(network, groups, data.train),
        cost=synops_cost(network, groups, data.train),
        known=known,
        path=GradualPath((whole,), ()),
        network=network,
        data=data,
        execution=Execution(seed=seed),
        training=FinetuneConfig(epochs=8, batch=24, learning_rate=5e-3),
        refine=lambda each: finetune(each, data.train, brief, seed=seed).network,
        refining=brief.steps(len(data.train)),
        tick=lambda done, total: None,
    )


def share_of(task: Task, kept: Mapping[str, Units]) -> float:
    return task.cost.of(kept) / task.cost.total


def synapses_of(task: Task) -> SynapseCosts:
    """What the weights of the unpruned network cost, on the training samples."""
    return SynapseCosts.of(task.network, task.data.train, task.execution)


def largest_unit(task: Task) -> float:
    """The share of SynOps that the most expensive unit takes: a target cannot be met more closely for certain."""
    whole = {name: np.arange(units) for name, units in task.space.units.items()}
    return max(float(saved.max()) for saved in task.cost.saved(whole).values()) / task.cost.total


def proposal_of(method: object) -> Proposal:
    """The method's only proposal; what is random elsewhere stays as it was."""
    with untouched():
        proposal = method.ask()  # type: ignore[attr-defined]
    assert isinstance(proposal, Proposal)
    return proposal


@contextmanager
def untouched() -> Iterator[None]:
    before = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    yield
    assert torch.equal(torch.get_rng_state(), before[0])
    np.testing.assert_array_equal(np.random.get_state()[1], before[1])  # noqa: NPY002
