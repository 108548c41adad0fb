"""Executions whose memory holds just so many samples of a network in a pass."""

from dataclasses import replace

from spear_deploy.execution import Execution
from spear_deploy.network import Network
from spear_deploy.simulate.memory import PassMemory, memory_of_running, memory_of_training
from spear_deploy.simulate.simulator import FloatSimulator


def training_together(network: Network, steps: int, samples: int, seed: int = 0) -> Execution:
    """Hold so many samples in a pass of training in float."""
    return _holding(memory_of_training(FloatSimulator(network), steps), samples, seed)


def running_together(network: Network, steps: int, samples: int) -> Execution:
    """Hold so many samples in a forward pass in float."""
    return _holding(memory_of_running(FloatSimulator(network), steps), samples, 0)


def _holding(memory: PassMemory, samples: int, seed: int) -> Execution:
    nothing = Execution(seed=seed, memory=1 << 30)
    held = replace(nothing, memory=nothing.memory - nothing.room + memory.weights + samples * memory.sample)
    assert memory.together(held, samples + 1) == samples
    return held
