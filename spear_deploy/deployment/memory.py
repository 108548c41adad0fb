"""What a run will take of memory, told before anything is measured."""

from __future__ import annotations

from spear_deploy.deployment.options import DeployOptions
from spear_deploy.network import Network
from spear_deploy.simulate.memory import memory_of_training
from spear_deploy.sizes import bytes_as_text
from spear_deploy.targets import Compiler


def memory_outlook(compiler: Compiler, network: Network, steps: int, options: DeployOptions) -> str:
    """Return the peak of training the unpruned network on samples of ``steps`` steps, the most that a run takes.

    Raises :class:`~spear_deploy.errors.InputError` (E019) where that is more than the bound allows, or than is free.
    """
    execution, batch = options.execution, options.search.finish.batch
    memory = memory_of_training(compiler.trainable(network).to(execution.device), steps)
    together, peak = memory.together(execution, batch), memory.peak(execution, batch)
    execution.check_memory(peak)
    parts = -(-batch // together)
    of_batch = "" if parts == 1 else f": a batch of {batch} samples goes in {parts} parts"
    return f"memory: up to {bytes_as_text(peak)}, within {bytes_as_text(execution.memory)}{of_batch}"
