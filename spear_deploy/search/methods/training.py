"""What methods that train share: as many batches, at the rates, of the closing fine-tuning, and its loss on labels.

Batches are shuffled by the run's seed; nothing random is drawn from a global state.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import cos, pi

import numpy as np
import torch
import torch.nn.functional as functional
from torch import Tensor

from spear_deploy.decision import network_rule
from spear_deploy.search.methods.protocol import Task
from spear_deploy.simulate.tensors import to_tensor
from spear_deploy.train.losses import logits


@dataclass(frozen=True, eq=False)
class Batch:
    """A step's ``inputs``, (T, B, *shape) each, with labels (B,); ``done`` is the share of all steps before it.

    ``rate`` is the learning rate by the closing fine-tuning's schedule, half a cosine down to zero.
    """

    inputs: Mapping[str, Tensor]
    labels: Tensor
    rate: float
    done: float


def steps_of(task: Task) -> int:
    """Return how many batches a method may train on."""
    return task.training.steps(len(task.data.train))


def rate_at(task: Task, step: int) -> float:
    """Return the learning rate of a step."""
    return task.training.learning_rate * (1 + cos(pi * step / steps_of(task))) / 2


def batches(task: Task) -> Iterator[Batch]:
    """Yield the training split's batches, epoch after epoch, as many as a method may train on."""
    rng, total, split = np.random.default_rng(task.execution.seed), steps_of(task), task.data.train
    (port,) = task.network.inputs
    device = task.execution.device
    for step, positions in enumerate(split.drawn(task.training.batch, rng, total)):
        x, labels = split.batch(positions)
        inputs = {port.name: to_tensor(x, device)}
        yield Batch(inputs, torch.from_numpy(labels).to(device), rate_at(task, step), step / total)
        task.tick(step + 1, total)


def loss_of(task: Task, out: Mapping[str, Tensor], labels: Tensor) -> Tensor:
    """Return the cross-entropy of what the populations sent, under the decision rule."""
    rule = network_rule(task.network, task.training.decide).name
    return functional.cross_entropy(logits(rule, out[task.network.outputs[0]]), labels)
