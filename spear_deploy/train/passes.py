"""The passes of a batch: the whole batch, or parts whose gradients add up if it does not fit into memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from spear_deploy.data import Split
from spear_deploy.execution import Execution, split_evenly
from spear_deploy.simulate.memory import memory_of_training
from spear_deploy.simulate.simulator import NetworkSimulator
from spear_deploy.simulate.tensors import to_tensor
from spear_deploy.train.augmentation import augmented
from spear_deploy.train.config import FinetuneConfig

_AUGMENTATION = 3
"""Random stream of augmentation, independent of the seed's other uses."""


@dataclass(frozen=True, eq=False)
class Pass:
    """The samples of one pass: ``inputs`` (T, B, *shape) by port, ``labels`` (B,), and their ``share`` of the batch."""

    positions: NDArray[np.intp]
    share: float
    inputs: Mapping[str, Tensor]
    labels: Tensor


class Passes:
    """Divides a split's batches into passes for a network of one input; ``seed`` is that of augmentation.

    Raises :class:`~spear_deploy.errors.InputError` (E019) if memory does not even hold a pass of one sample.
    """

    def __init__(
        self, student: NetworkSimulator, split: Split, config: FinetuneConfig, execution: Execution, seed: int
    ) -> None:
        self._split, self._device, (self._port,) = split, execution.device, student.structure.inputs
        self._together = memory_of_training(student, split.samples.steps).together(execution, config.batch)
        self._augment = config.augment
        self._rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(_AUGMENTATION,)))

    def of(self, positions: NDArray[np.intp]) -> Iterator[Pass]:
        """Yield the passes, about equally large, of the batch at these positions of the split."""
        for part in split_evenly(len(positions), self._together, threads=1):
            some = positions[part.start : part.stop]
            x, labels = self._split.batch(some)
            x = augmented(x, self._augment, self._rng) if self._augment else x
            inputs = {self._port.name: to_tensor(x, self._device)}
            yield Pass(some, len(some) / len(positions), inputs, torch.from_numpy(labels).to(self._device))
