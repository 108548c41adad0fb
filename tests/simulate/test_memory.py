"""What a pass is said to take, beside the peak of a process that runs it."""

import gc
import subprocess
import sys
import weakref
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.networks import mlp
from spear_deploy.errors import InputError
from spear_deploy.execution import Execution
from spear_deploy.network import Network
from spear_deploy.simulate.memory import PassMemory, memory_of_running, memory_of_training
from spear_deploy.simulate.simulator import FloatSimulator, NetworkSimulator
from spear_deploy.targets import InputRange, LoweringOptions, compiler_for, load_chip

# Prints what is foretold of a training or a run, and by how much the process grew beyond what it had before.
_PROCESS = """
import sys
import numpy as np, torch
from benchmarks.networks import driven, events_conv, feeding_itself, mlp, wide_conv
from spear_deploy.simulate.memory import memory_of_running, memory_of_training
from spear_deploy.simulate.simulator import FloatSimulator
from spear_deploy.targets import InputRange, LoweringOptions, compiler_for, load_chip

def status(key):
    return next(int(line.split()[1]) << 10 for line in open("/proc/self/status") if line.startswith(key))

kind, way, use, steps, batch = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5])
torch.set_num_threads(1)
rng = np.random.default_rng(0)
dense = mlp(64, 256, 10)
network = {
    "dense": dense,
    "conv": events_conv,
    "wide": wide_conv,
    "recurrent": lambda rng: feeding_itself(dense(rng), "p1", 0.3 * driven(rng)(256, 256)),
}[kind](rng)
compiler = compiler_for(load_chip("loihi2"), {"p0": InputRange()}, LoweringOptions())
simulator = {"float": FloatSimulator, "chip": compiler.trainable}[way](network)
told = {"training": memory_of_training, "running": memory_of_running}[use](simulator, steps)

def go(steps, batch):
    x = {"p0": (torch.rand(steps, batch, *network.inputs[0].shape) < 0.1).float()}
    if use == "running":
        with torch.no_grad():
            simulator(x)
    else:
        out = simulator(x)[network.outputs[0]].sum(dim=0).flatten(1).float()
        torch.nn.functional.cross_entropy(out, torch.zeros(batch, dtype=torch.long)).backward()

go(2, 1)
before = status("VmRSS")
open("/proc/self/clear_refs", "w").write("5")
go(steps, batch)
print(told.weights + batch * told.sample, status("VmHWM") - before)
"""


def trainable(network: Network) -> NetworkSimulator:
    """Return the network as the chip computes it."""
    return compiler_for(load_chip("loihi2"), {"p0": InputRange()}, LoweringOptions()).trainable(network)


@pytest.mark.slow
@pytest.mark.parametrize("use", ["training", "running"])
@pytest.mark.parametrize("way", ["float", "chip"])
@pytest.mark.parametrize(
    ("kind", "steps", "batch"), [("dense", 100, 256), ("conv", 30, 32), ("wide", 20, 16), ("recurrent", 100, 256)]
)
def test_no_process_takes_more_than_foretold(kind, way, use, steps, batch):
    """The foretold bytes bound the peak, and are less than three times as many."""
    arguments = [sys.executable, "-c", _PROCESS, kind, way, use, str(steps), str(batch)]
    told, found = map(int, subprocess.run(arguments, capture_output=True, text=True, check=True).stdout.split())
    assert found <= told
    assert told < 3 * found


def test_samples_go_together_as_they_fit():
    """As many as there is room for, at most as many as are asked for; the fix of a bound that is too low is enough."""
    execution = Execution(memory=2 << 30, held=1 << 20)
    memory = PassMemory(weights=1 << 20, sample=100 << 20, steps=7)
    assert memory.together(execution, 64) == 10
    assert memory.together(execution, 4) == 4
    assert memory.peak(execution, 64) <= execution.memory
    low = replace(execution, memory=(1 << 30) + (50 << 20))
    with pytest.raises(InputError, match=r"one sample of 7 steps .*\n.*give --memory 1.1GiB or more") as refused:
        memory.together(low, 64)
    assert refused.value.findings[0].code == "E019"
    assert memory.together(replace(execution, memory=round(1.1 * (1 << 30))), 64) == 1


@pytest.mark.parametrize("told", [memory_of_training, memory_of_running])
@pytest.mark.parametrize("way", [FloatSimulator, trainable])
def test_telling_keeps_nothing(way, told):
    """The network that was asked about is freed, weights and all: a search asks before each fine-tuning."""
    simulator = way(mlp(8, 16, 4)(np.random.default_rng(0)))
    told(simulator, 20)
    weights = [weakref.ref(parameter) for parameter in simulator.parameters()]
    del simulator
    gc.collect()
    assert weights
    assert not any(weight() is not None for weight in weights)
