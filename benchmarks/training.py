"""What a step of training costs as the chip computes, beside the same step in float.

A step is a forward pass, a backward pass and an update of a batch of the same spikes, both ways in one run, one after
the other; the least of several is taken.

    python -m benchmarks.training            # a table
    python -m benchmarks.training --json     # {"dense": ratio, "conv": ratio, "recurrent": ratio}
"""

from __future__ import annotations

import argparse
import json
import sys
import time

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from benchmarks.networks import driven, events_conv, feeding_itself, mlp
from spear_deploy.execution import Execution
from spear_deploy.network import Network
from spear_deploy.simulate.simulator import FloatSimulator, NetworkSimulator
from spear_deploy.targets import InputRange, LoweringOptions, compiler_for, load_chip

STEPS, BATCH, RATE, REPEATS = 32, 64, 0.1, 12


def step(simulator: NetworkSimulator, optimiser: torch.optim.Optimizer, x: torch.Tensor) -> float:
    """Return the seconds of one step of training."""
    start = time.perf_counter()
    out = simulator({"p0": x})[simulator.structure.outputs[0]]
    optimiser.zero_grad()
    torch.nn.functional.cross_entropy(out.sum(0).flatten(1), torch.zeros(x.shape[1], dtype=torch.long)).backward()
    optimiser.step()
    return time.perf_counter() - start


def seconds(network: Network, x: torch.Tensor) -> tuple[float, float]:
    """Return the least seconds of a step in float, and as the chip computes."""
    compiler = compiler_for(load_chip("loihi2"), {"p0": InputRange()}, LoweringOptions())
    simulators = (FloatSimulator(network), compiler.trainable(network))
    optimisers = [torch.optim.Adam(simulator.parameters(), lr=1e-4) for simulator in simulators]
    pairs = list(zip(simulators, optimisers, strict=True))
    times = np.array([[step(*pair, x) for pair in pairs] for _ in range(REPEATS)])
    in_float, as_chip = times.min(axis=0)
    return float(in_float), float(as_chip)


def main() -> None:
    """Measure all networks and print the times."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--threads", type=int, default=1, help="(default: %(default)s)")
    arguments = parser.parse_args()
    rng = np.random.default_rng(0)
    dense, conv = mlp(64, 256, 10)(rng), events_conv(rng)
    weak = 0.3 * driven(rng)(256, 256)
    networks = {"dense": dense, "conv": conv, "recurrent": feeding_itself(dense, "p1", weak)}
    table = Table("network", "float, ms", "as the chip, ms", "ratio", box=None)
    ratios: dict[str, float] = {}
    with Execution(threads=arguments.threads).applied():
        for name, network in networks.items():
            x = torch.from_numpy((rng.random((STEPS, BATCH, *network["p0"].shape)) < RATE).astype(np.float32))
            in_float, as_chip = seconds(network, x)
            ratios[name] = as_chip / in_float
            table.add_row(name, f"{1e3 * in_float:.1f}", f"{1e3 * as_chip:.1f}", f"{ratios[name]:.2f}")
    if arguments.json:
        sys.stdout.write(json.dumps(ratios) + "\n")
    else:
        Console().print(table)


if __name__ == "__main__":
    main()
