"""The teacher of distillation: the logits of a float network, computed once per training sample.

For augmented samples they are computed each time: teacher and student see the same input.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from spear_deploy.data import Split
from spear_deploy.decision import network_rule
from spear_deploy.execution import Execution, split_evenly
from spear_deploy.network import Network
from spear_deploy.simulate.memory import memory_of_running
from spear_deploy.simulate.simulator import FloatSimulator
from spear_deploy.simulate.tensors import to_tensor
from spear_deploy.train.losses import logits

_BLOCK = 64
"""Samples that are run together, where memory allows.  Always the same ones: sums of floats may depend on what else is
in a batch, and a resumed run, which asks in another order, has to see the same bits."""


class Teacher:
    """Gives the logits of ``network`` on the samples of a split; ``decide`` names the decision rule."""

    def __init__(
        self, network: Network, split: Split, *, decide: str | None = None, execution: Execution | None = None
    ) -> None:
        self._execution = execution or Execution()
        self._device = self._execution.device
        self._simulator = FloatSimulator(network).requires_grad_(False).to(self._device)
        self._output, (port,) = network.outputs[0], network.inputs
        self._port, self._split = port.name, split
        self._rule = network_rule(network, decide).name
        self._logits = np.zeros((len(split), network[self._output].size), np.float32)
        self._is_known = np.zeros(-(-len(split) // _BLOCK), bool)

    def logits(self, positions: NDArray[np.intp]) -> Tensor:
        """Return the logits of the samples at these positions of the split: (B, n)."""
        for block in np.unique(positions // _BLOCK):
            if not self._is_known[block]:
                self._compute(int(block))
        return torch.from_numpy(self._logits[positions]).to(self._device)

    def logits_of(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """Return the logits, (B, n), of input (T, B, *shape) by port that is not the split's own."""
        parts = inputs[self._port].split(self._together, dim=1)  # the student's pass may be too large here
        return torch.cat([self._run(part) for part in parts])

    def _compute(self, block: int) -> None:
        first = block * _BLOCK
        for part in split_evenly(min(_BLOCK, len(self._split) - first), self._together, threads=1):
            positions = np.arange(first + part.start, first + part.stop)
            x, _ = self._split.batch(positions)
            self._logits[positions] = self._run(to_tensor(x, self._device)).cpu().numpy()
        self._is_known[block] = True

    def _run(self, x: Tensor) -> Tensor:
        """Return the logits of input (T, B, *shape)."""
        with torch.no_grad():
            out = self._simulator({self._port: x})
            return logits(self._rule, out[self._output])

    @cached_property
    def _together(self) -> int:
        return memory_of_running(self._simulator, self._split.samples.steps).together(self._execution, _BLOCK)
