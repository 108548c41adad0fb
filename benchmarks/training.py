"""What a step of training costs: in float, as the chip computes, and in other frameworks.

A step is a forward pass, a backward pass and an update of a batch of the same spikes.  All ways go in one run, in turn,
a few steps in a row as training does them; the least of all is taken.  ``peer / float`` is the fastest of the others
beside this project's float.  In the feedback of ``recurrent`` 77 % of the neurons fire in a step, in the other 9 %.
The process keeps freed memory as the command line does, for all ways alike.

    python -m benchmarks.training                    # a table; python -m tests.frameworks brings SpikingJelly
    python -m benchmarks.training --device cuda      # VGG16 too; SpikingJelly with CuPy where that is installed
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import torch
import torch.nn.functional as functional
from rich.console import Console
from rich.table import Table
from torch import nn

from benchmarks.networks import driven, events_conv, feeding_itself, mlp, recurrent, vgg16
from benchmarks.training_peers import compiled_peer, snntorch_peer, spikingjelly_peer
from spear_deploy.execution import Execution
from spear_deploy.heap import keep_freed_memory
from spear_deploy.network import Network
from spear_deploy.simulate.simulator import FloatSimulator, NetworkSimulator
from spear_deploy.targets import InputRange, LoweringOptions, compiler_for, load_chip

STEPS, BATCH, RATE = 32, 64, 0.1
TURNS, IN_A_ROW = 10, 4
PEERS = ("snnTorch", "torch.compile", "SpikingJelly")
WAYS = ("float", "as the chip", *PEERS)


def seconds(net: nn.Module, optimiser: torch.optim.Optimizer, x: torch.Tensor) -> float:
    """Return the seconds of one step of training."""
    labels = torch.zeros(x.shape[1], dtype=torch.long, device=x.device)
    wait_for(x.device)
    start = time.perf_counter()
    out = net(x)
    optimiser.zero_grad()
    functional.cross_entropy(out.sum(0).flatten(1), labels).backward()
    optimiser.step()
    wait_for(x.device)
    return time.perf_counter() - start


def wait_for(device: torch.device) -> None:
    """Return when a device has done what it was given."""
    if device.type != "cpu":
        torch.get_device_module(device).synchronize(device)


class Simulated(nn.Module):
    """A simulator of this project, from the input's spikes to the output's."""

    def __init__(self, simulator: NetworkSimulator) -> None:
        super().__init__()
        self.simulator = simulator

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the output's spikes."""
        return self.simulator({"p0": x})[self.simulator.structure.outputs[0]]


def least_seconds(network: Network, x: torch.Tensor) -> dict[str, float]:
    """Return the least seconds of a step, of every way that can run the network."""
    compiler = compiler_for(load_chip("loihi2"), {"p0": InputRange()}, LoweringOptions())
    nets: dict[str, nn.Module | None] = {
        "float": Simulated(FloatSimulator(network)),
        "as the chip": Simulated(compiler.trainable(network)),
        "snnTorch": snntorch_peer(network),
        "torch.compile": compiled_peer(network),
        "SpikingJelly": spikingjelly_peer(network),
    }
    moved = {name: net.to(x.device) for name, net in nets.items() if net is not None}
    ways = {name: (net, torch.optim.Adam(net.parameters(), lr=1e-4)) for name, net in moved.items()}
    turns = [{name: [seconds(*way, x) for _ in range(IN_A_ROW)] for name, way in ways.items()} for _ in range(TURNS)]
    return {name: min(min(turn[name]) for turn in turns) for name in ways}


def subjects(device: torch.device) -> dict[str, tuple[Network, torch.Tensor]]:
    """Return networks and what they are trained on, by name."""
    rng = np.random.default_rng(0)
    dense, conv = mlp(64, 256, 10)(rng), events_conv(rng)
    weak = 0.3 * driven(rng)(256, 256)
    networks = {"dense": (dense, STEPS), "conv": (conv, STEPS)}
    networks["recurrent"] = feeding_itself(dense, "p1", weak), STEPS
    networks["recurrent, 9 %"] = recurrent(64, 256, 10, gain=0.5)(rng), STEPS
    if device.type != "cpu":
        networks["VGG16"] = vgg16(rng, pooled=True), 4
    return {name: (network, _spikes(rng, network, steps, device)) for name, (network, steps) in networks.items()}


def _spikes(rng: np.random.Generator, network: Network, steps: int, device: torch.device) -> torch.Tensor:
    drawn = rng.random((steps, BATCH, *network["p0"].shape)) < RATE
    return torch.from_numpy(drawn.astype(np.float32)).to(device)


def table_of(device: torch.device) -> Table:
    """Measure all networks on a device."""
    table = Table("ms a step", *WAYS, "peer / float", box=None)
    for name, (network, x) in subjects(device).items():
        least = least_seconds(network, x)
        ratio = min(least[way] for way in PEERS if way in least) / least["float"]
        table.add_row(name, *(f"{1e3 * least[way]:.1f}" if way in least else "" for way in WAYS), f"{ratio:.2f}")
    return table


def main() -> None:
    """Measure all networks and print the times."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1, help="(default: %(default)s)")
    parser.add_argument("--device", type=torch.device, default="cpu", help="torch's name (default: %(default)s)")
    arguments = parser.parse_args()
    keep_freed_memory()
    with Execution(threads=arguments.threads).applied():
        Console().print(table_of(arguments.device))


if __name__ == "__main__":
    main()
