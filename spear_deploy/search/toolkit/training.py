"""The training loop of methods that train: the batches and learning rates of the closing fine-tuning, and its loss.

Batches are shuffled by the run's seed; global random states are not used.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch.nn.functional as functional
from numpy.typing import NDArray

from spear_deploy.decision import network_rule
from spear_deploy.search.protocol import Task
from spear_deploy.simulate.simulator import NetworkSimulator
from spear_deploy.train.adam import cosine_rate
from spear_deploy.train.losses import logits
from spear_deploy.train.passes import Pass, Passes


@dataclass(frozen=True, eq=False)
class Batch:
    """One training step: the ``positions`` (B,) of its samples in the training split.

    ``rate`` is its learning rate in the closing fine-tuning's schedule, half a cosine down to zero; ``done`` is the
    share of all steps before it.
    """

    positions: NDArray[np.intp]
    rate: float
    done: float


def steps_of(task: Task) -> int:
    """Return how many batches a method may train on."""
    return task.training.steps(len(task.data.train))


def rate_at(task: Task, step: int) -> float:
    """Return the learning rate of a step."""
    return cosine_rate(task.training.learning_rate, step, steps_of(task))


def batches(task: Task) -> Iterator[Batch]:
    """Yield all batches that a method may train on, epoch after epoch."""
    rng, total, split = np.random.default_rng(task.execution.seed), steps_of(task), task.data.train
    for step, positions in enumerate(split.drawn(task.training.batch, rng, total)):
        yield Batch(positions, rate_at(task, step), step / total)
        task.tick(step + 1, total)


class GradientAccumulator:
    """Accumulates gradients of the loss of a simulator's network, in as many passes as memory requires.

    Raises :class:`InputError` (E019) if memory does not even hold a pass of one sample.
    """

    def __init__(self, task: Task, simulator: NetworkSimulator) -> None:
        self._output, self._simulator = task.network.outputs[0], simulator
        self._rule = network_rule(task.network, task.training.decide).name
        self._passes = Passes(simulator, task.data.train, task.training, task.execution, task.execution.seed)

    def add_gradients(self, batch: Batch) -> None:
        """Backpropagate the mean cross-entropy of a batch under the decision rule."""
        for part in self.passes(batch):
            scores = logits(self._rule, self._simulator(part.inputs)[self._output])
            (part.share * functional.cross_entropy(scores, part.labels)).backward()

    def passes(self, batch: Batch) -> Iterator[Pass]:
        """Yield the passes into which a batch is split."""
        return self._passes.of(batch.positions)
