"""Memory of a pass of a network over samples, and the number of samples that can therefore go together.

It is measured, not guessed: a sample of few steps is run, and torch's hooks show what is kept for the backward pass.
All of it except the weights grows with the steps.  Temporary arrays of one layer at a time are added as a multiple of
the largest array, measured on the benchmarks' networks in float and with a chip's arithmetic.
``tests/simulate/test_memory.py`` compares the sum with the peak memory of processes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import ceil

import torch
from torch import Tensor

from spear_deploy.errors import InputError
from spear_deploy.execution import Execution
from spear_deploy.simulate.simulator import NetworkSimulator
from spear_deploy.sizes import bytes_as_text

_PROBED = (5, 10)
"""Steps of two short passes, whose difference gives the memory that grows with the steps."""
_OF_LARGEST_TRAINED, _OF_LARGEST_RUN = 5, 3
"""Temporary arrays, as multiples of a layer's largest array (measured: at most 4.6 and 2.9)."""
_OF_WEIGHTS = 10
"""Copies of each parameter at most: weights, gradients, Adam's two means, masks, rounded copies."""


@dataclass(frozen=True)
class PassMemory:
    """Bytes of a pass: for the ``weights``, and for each ``sample`` of ``steps`` steps."""

    weights: int
    sample: int
    steps: int

    def together(self, execution: Execution, most: int) -> int:
        """Return how many samples, at most ``most``, fit together within the execution's memory bound.

        Raises :class:`InputError` (E019) if not even one does.
        """
        room = execution.room - self.weights
        if self.sample > room:
            needed = execution.memory - room + self.sample
            raise InputError.of(
                "E019",
                f"--memory {bytes_as_text(execution.memory)}",
                f"one sample of {self.steps} steps takes {bytes_as_text(self.sample)} in a pass, beside "
                f"{bytes_as_text(execution.memory - room)} for libraries, data and weights",
                f"give --memory {bytes_as_text(needed, up=True)} or more, or fewer steps",
            )
        return min(most, room // max(1, self.sample))

    def peak(self, execution: Execution, most: int) -> int:
        """Return the peak bytes of the process while ``most`` samples, or as many as fit, go together."""
        return execution.memory - execution.room + self.weights + self.together(execution, most) * self.sample


def memory_of_training(simulator: NetworkSimulator, steps: int) -> PassMemory:
    """Return the memory of a forward and backward pass."""
    return _grown(simulator, steps, _OF_LARGEST_TRAINED, _left_by_training)


def memory_of_running(simulator: NetworkSimulator, steps: int) -> PassMemory:
    """Return the memory of a forward pass that keeps the outputs of all populations."""
    return _grown(simulator, steps, _OF_LARGEST_RUN, _left_by_running)


def _grown(
    simulator: NetworkSimulator, steps: int, momentary: int, probe: Callable[[NetworkSimulator, int], list[Tensor]]
) -> PassMemory:
    """Return the memory from what two short passes left; ``momentary`` arrays of the largest size are added."""
    few, more = (probe(simulator, count) for count in _PROBED)
    kept = (_held(more) - _held(few)) / (_PROBED[1] - _PROBED[0])
    largest = max(each.untyped_storage().nbytes() for each in more if each.shape[:1] == _PROBED[1:]) / _PROBED[1]
    weights = sum(parameter.nbytes for parameter in simulator.parameters())
    return PassMemory(_OF_WEIGHTS * weights, ceil(steps * (kept + momentary * largest)), steps)


def _held(tensors: Iterable[Tensor]) -> int:
    """Return the bytes of all storages, each counted once."""
    storages = {each.untyped_storage().data_ptr(): each.untyped_storage() for each in tensors}
    return sum(storage.nbytes() for storage in storages.values())


def _left_by_training(simulator: NetworkSimulator, steps: int) -> list[Tensor]:
    left: list[Tensor] = []

    def keep(saved: Tensor) -> None:
        # Detached: a reference cycle between graph and list would keep the weights from ever being freed.
        left.append(saved.detach())

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda none: none):
        return [*(each.detach() for each in _run(simulator, steps)), *left]


def _left_by_running(simulator: NetworkSimulator, steps: int) -> list[Tensor]:
    with torch.no_grad():
        return _run(simulator, steps)


def _run(simulator: NetworkSimulator, steps: int) -> list[Tensor]:
    """Run one silent sample; return inputs and all outputs."""
    parameter = next(simulator.parameters(), None)
    device = "cpu" if parameter is None else parameter.device
    silence = {port.name: torch.zeros(steps, 1, *port.shape, device=device) for port in simulator.structure.inputs}
    return [*silence.values(), *simulator(silence).values()]
