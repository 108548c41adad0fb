"""What a sweep takes on many cores: core hours of a point of VGG16, and hours of thirty on 8, 64 and 512 cores.

Measured is a step of training, in float and as the chip computes, of the network of 3x32x32 with 4 steps on one thread,
in seconds of the processor; counted are the batches that a search to half of the SynOps trains at most, out of its
options.  Images of 224x224 have 49 times the positions: computed, not measured.

    python -m benchmarks.points           # a minute or two
"""

from __future__ import annotations

import argparse
import math
import time

import torch
from rich.console import Console
from rich.table import Table

from benchmarks.networks import case_of
from benchmarks.training import Simulated, seconds
from spear_deploy.execution import Execution
from spear_deploy.search.options import EFFORTS
from spear_deploy.search.outlook import Pace, seconds_of_training
from spear_deploy.simulate.simulator import FloatSimulator
from spear_deploy.targets import InputRange, LoweringOptions, compiler_for, load_chip

STEPS, MEASURED, BATCH, REPEATS = 4, 4, 64, 3
TARGET, SAMPLES, POINTS = 0.5, 50_000, 30
CORES = (8, 64, 512)
PLACES = {"CIFAR-10, 3x32x32": 1, "ImageNet, 3x224x224": 49}
"""How many times the positions of the network that is measured."""


def pace() -> Pace:
    """Return the processor's seconds of a batch, from a part of one."""
    network = case_of("VGG16, strided").network
    compiler = compiler_for(load_chip("hala_point"), {"p0": InputRange(1.0, False)}, LoweringOptions())
    x = torch.rand((STEPS, MEASURED, 3, 32, 32), generator=torch.Generator().manual_seed(0))
    found = Pace()
    for kind, simulator in (("float", FloatSimulator(network)), ("chip", compiler.trainable(network))):
        net = Simulated(simulator)
        optimiser = torch.optim.Adam(net.parameters(), lr=1e-4)
        seconds(net, optimiser, x)  # compiles what is compiled at first use
        times = []
        for _ in range(REPEATS):
            start = time.process_time()
            seconds(net, optimiser, x)
            times.append(time.process_time() - start)
        found.add(kind, min(times) * BATCH / MEASURED, 1)
    return found


def main() -> None:
    """Measure, and print both tables."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    with Execution().applied():
        measured = pace()
    console = Console()
    batches = f"{measured.of('float'):.1f} s in float, {measured.of('chip'):.1f} s as the chip computes"
    console.print(f"a batch of {BATCH} on one core, 3x32x32, {STEPS} steps: {batches}")
    columns = [f"{POINTS} points on {cores} cores: hours" for cores in CORES]
    table = Table("network", "effort", "a point: core hours", *columns, box=None)
    for place, times in PLACES.items():
        for effort in ("quick", "normal"):
            taken = seconds_of_training(EFFORTS[effort], measured, TARGET, SAMPLES)
            assert taken is not None
            hours = times * taken / 3600
            waves = [f"{hours * math.ceil(POINTS / cores):,.1f}" for cores in CORES]
            table.add_row(place, effort, f"{hours:,.1f}", *waves)
    console.print(table)
    console.print(f"one thread a point: no more than {POINTS} cores are busy")


if __name__ == "__main__":
    main()
