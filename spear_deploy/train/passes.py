"""The passes of a batch: all of it, or parts whose gradients add up where memory does not hold it."""

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


@dataclass(frozen=True, eq=False)
class Pass:
    """The samples at some ``positions`` of a split: ``inputs`` (T, B, *shape) by port, ``labels`` (B,), and the
    ``share`` of the batch that they are.
    """

    positions: NDArray[np.intp]
    share: float
    inputs: Mapping[str, Tensor]
    labels: Tensor


class Passes:
    """Divides a split's batches of at most ``largest`` samples for the training of a network of one input.

    Raises :class:`~spear_deploy.errors.InputError` (E019) where the execution's memory does not hold a pass of one
    sample.
    """

    def __init__(self, student: NetworkSimulator, split: Split, largest: int, execution: Execution) -> None:
        self._split, self._device, (self._port,) = split, execution.device, student.structure.inputs
        self._together = memory_of_training(student, split.samples.steps).together(execution, largest)

    def of(self, positions: NDArray[np.intp]) -> Iterator[Pass]:
        """Yield the passes, about equally large, of the batch at these positions of the split."""
        for part in split_evenly(len(positions), self._together, threads=1):
            some = positions[part.start : part.stop]
            x, labels = self._split.batch(some)
            inputs = {self._port.name: to_tensor(x, self._device)}
            yield Pass(some, len(some) / len(positions), inputs, torch.from_numpy(labels).to(self._device))
