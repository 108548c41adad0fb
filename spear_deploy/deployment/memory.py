"""The peak memory of a run, predicted before anything is measured."""

from __future__ import annotations

from dataclasses import dataclass

from spear_deploy.deployment.options import DeployOptions
from spear_deploy.execution import Execution, free_memory
from spear_deploy.network import Network
from spear_deploy.search.synapses import weights_of
from spear_deploy.simulate.memory import memory_of_training
from spear_deploy.sizes import bytes_as_text
from spear_deploy.targets import Compiler

_HELD_OF_WEIGHT = 100
"""Bytes that a search holds per weight, beside the network in a pass.

A network and its program are six bytes: some ten stages of the path and as many candidates; then arrays by which
weights are ranked.  VGG16 (17 million weights) took 2.04 GiB where 3.7 were foretold, and 2.2 without this part.
"""


@dataclass(frozen=True)
class MemoryOutlook:
    """``peak``: the most memory of a run within its ``bound``, in bytes; a ``batch`` is split into ``parts``."""

    peak: int
    bound: int
    batch: int
    parts: int

    def __str__(self) -> str:
        of_batch = "" if self.parts == 1 else f": a batch of {self.batch} samples goes in {self.parts} parts"
        return f"memory: up to {bytes_as_text(self.peak)}, within {bytes_as_text(self.bound)}{of_batch}"


def held_by_search(network: Network) -> int:
    """Return the bytes that a search holds of a network's weights while one network is trained."""
    return _HELD_OF_WEIGHT * sum(weight.size for weight in weights_of(network).values())


def memory_outlook(compiler: Compiler, network: Network, steps: int, options: DeployOptions) -> MemoryOutlook:
    """Return the peak of training the unpruned network on samples of ``steps`` steps, which is that of the run.

    Raises :class:`~spear_deploy.errors.InputError` (E019) if it exceeds the bound, or the free memory.
    """
    execution, batch = options.execution, options.search.finish.batch
    memory = memory_of_training(compiler.trainable(network).to(execution.device), steps)
    together, peak = memory.together(execution, batch), memory.peak(execution, batch)
    execution.check_memory(peak)
    return MemoryOutlook(peak, execution.memory, batch, -(-batch // together))


def runs_together(outlook: MemoryOutlook, execution: Execution, jobs: int, *, bounded: bool) -> int:
    """Return how many of the jobs (at least one) fit into memory at a time if each takes what was predicted.

    The limit is the free memory, and, if ``bounded``, what the bound leaves beside this process.
    """
    free = free_memory()
    limits = [execution.room] if bounded else []
    limits += [] if free is None else [free]
    return max(1, min([jobs, *(limit // outlook.peak for limit in limits)]))
