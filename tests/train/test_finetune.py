"""Fine-tuning: it learns, it repeats itself, and dual ascent ends near the SynOps target."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as functional

from spear_deploy.data import Dataset, Split
from spear_deploy.measure.runs import measure_float
from spear_deploy.network import Linear, Network, Projection
from spear_deploy.simulate.simulator import FloatSimulator
from spear_deploy.train.config import Aims, FinetuneConfig
from spear_deploy.train.finetune import finetune
from spear_deploy.train.teacher import Teacher
from tests.bounded import training_together


def loss(network: Network, split: Split) -> float:
    """Cross-entropy of the output's spike counts over a split."""
    x, labels = next(split.batches(len(split)))
    with torch.no_grad():
        out = FloatSimulator(network)({"input": torch.from_numpy(np.array(x, np.float32))})
    return float(functional.cross_entropy(out["output"].sum(0), torch.from_numpy(labels)))


def synops(network: Network, split: Split) -> float:
    return float(measure_float(network, split).total.mean())


def test_loss_falls(untrained_network: Network, tiny_network: Network, tiny_data: Dataset) -> None:
    """Training lowers the loss and reaches nearly all samples, unseen ones too."""
    assert loss(tiny_network, tiny_data.train) < 0.5 * loss(untrained_network, tiny_data.train)
    assert measure_float(tiny_network, tiny_data.test).accuracy > 0.9


def test_same_seed_gives_the_same_network(untrained_network: Network, tiny_data: Dataset) -> None:
    """Weights are equal to the last bit for a seed, whatever ran before, and others for another one."""
    config = FinetuneConfig(epochs=1, batch=16)
    one = finetune(untrained_network, tiny_data.train, config, seed=5).network.content_hash
    torch.rand(3)
    np.random.default_rng().random()
    assert finetune(untrained_network, tiny_data.train, config, seed=5).network.content_hash == one
    assert finetune(untrained_network, tiny_data.train, config, seed=6).network.content_hash != one


def test_the_given_network_is_left_alone(untrained_network: Network, tiny_data: Dataset) -> None:
    """Fine-tuning makes a new network; structure and neurons stay, weights change."""
    before = untrained_network.content_hash
    tuned = finetune(untrained_network, tiny_data.train, FinetuneConfig(epochs=1), seed=0).network
    assert untrained_network.content_hash == before != tuned.content_hash
    assert tuned.populations == untrained_network.populations


@pytest.mark.parametrize(("epochs", "batch", "expected"), [(1.0, 20, 4), (2.0, 20, 8), (0.5, 20, 2), (0.001, 20, 1)])
def test_epochs_may_be_fractions(
    epochs: float, batch: int, expected: int, untrained_network: Network, tiny_data: Dataset
) -> None:
    """The number of batches is the epochs' share of the split, at least one; the tick counts them."""
    ticks: list[tuple[int, int]] = []
    config = FinetuneConfig(epochs=epochs, batch=batch)
    finetune(untrained_network, tiny_data.train, config, seed=0, tick=lambda done, total: ticks.append((done, total)))
    assert len(tiny_data.train) == 77
    assert ticks == [(index + 1, expected) for index in range(expected)]


@pytest.mark.parametrize("share", [0.75, 0.9])
def test_synops_end_near_or_below_the_target(share: float, tiny_network: Network, tiny_data: Dataset) -> None:
    """With a target below what the network spends, it ends within a few per cent of it, and keeps its accuracy."""
    before = synops(tiny_network, tiny_data.train)
    config = FinetuneConfig(epochs=40, batch=24, learning_rate=5e-3)
    aims = Aims(Teacher(tiny_network, tiny_data.train), share * before)
    tuned = finetune(tiny_network, tiny_data.train, config, seed=0, aims=aims).network
    assert 0.5 * share * before < synops(tuned, tiny_data.train) < 1.03 * share * before
    assert measure_float(tuned, tiny_data.train).accuracy > 0.8


def test_a_target_that_is_met_does_not_press(tiny_network: Network, tiny_data: Dataset) -> None:
    """Far within its target a network is trained as if there were none: the multiplier stays at zero."""
    config = FinetuneConfig(epochs=2, batch=24)
    free = finetune(tiny_network, tiny_data.train, config, seed=0).network
    bound = finetune(tiny_network, tiny_data.train, config, seed=0, aims=Aims(synops_target=1e9)).network
    assert bound.content_hash == free.content_hash


def test_gradients_that_are_no_numbers_move_nothing(untrained_network: Network, tiny_data: Dataset) -> None:
    """Where sums of weights overflow the network stays as it is: a step would leave no weight that is a number."""
    huge = [replace(p, ops=(Linear(np.float32(3e38) * np.sign(weights(p))),)) for p in untrained_network.projections]
    network = replace(untrained_network, projections=tuple(huge))
    tuned = finetune(network, tiny_data.train, FinetuneConfig(epochs=1, distillation=0.0), seed=0).network
    assert tuned.content_hash == network.content_hash


def weights(projection: Projection) -> np.ndarray:
    (op,) = projection.ops
    assert isinstance(op, Linear)
    return op.weight


def test_distillation_pulls_towards_the_teacher(
    untrained_network: Network, tiny_network: Network, tiny_data: Dataset
) -> None:
    """With a teacher, scores end closer to the teacher's than without one."""
    x, _ = next(tiny_data.train.batches(77))
    inputs = {"input": torch.from_numpy(np.array(x, np.float32))}

    def scores(network: Network) -> torch.Tensor:
        with torch.no_grad():
            return FloatSimulator(network)(inputs)["output"].sum(0).softmax(1)

    config = FinetuneConfig(epochs=10, batch=24, learning_rate=1e-2, distillation=20.0)
    aims = Aims(Teacher(tiny_network, tiny_data.train))
    taught = finetune(untrained_network, tiny_data.train, config, seed=0, aims=aims).network
    alone = finetune(untrained_network, tiny_data.train, config, seed=0).network
    target = scores(tiny_network)
    assert (scores(taught) - target).abs().mean() < (scores(alone) - target).abs().mean()


@pytest.mark.parametrize("share", [None, 0.9])
def test_a_batch_in_parts_is_the_batch(share: float | None, untrained_network: Network, tiny_data: Dataset) -> None:
    """Where memory holds 7 samples, a batch of 24 goes in four parts; their gradients add up to its own."""
    split = tiny_data.train
    target = None if share is None else share * synops(untrained_network, split)
    aims, config = Aims(Teacher(untrained_network, split), target), FinetuneConfig(epochs=1, batch=24, penalty=0.0)
    bound = training_together(untrained_network, split.samples.steps, 7)
    whole, parts = (
        finetune(untrained_network, split, config, seed=5, aims=aims, execution=execution)
        for execution in (None, bound)
    )
    for name, weights in whole.parameters.items():
        np.testing.assert_allclose(parts.parameters[name], weights, atol=1e-5)
    assert parts.multiplier == pytest.approx(whole.multiplier, abs=1e-9)
    again = finetune(untrained_network, split, config, seed=5, aims=aims, execution=bound)
    assert again.network.content_hash == parts.network.content_hash
