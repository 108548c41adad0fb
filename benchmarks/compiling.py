"""How compiling grows with a network: composing, placing and lowering of one dense layer of 1,024 to 8,192 neurons.

Exponents are those of time in the number of synapses, between the first and the last width: 1 is linear.  Beside them
what the command line takes for VGG16 (3x32x32) and for one matrix of 10^8 synapses, start-up included, and the most
memory that it held.

    python -m benchmarks.compiling            # two tables
    python -m benchmarks.compiling --json     # {"exponents": {"compose": e, ...}, "inspect": {"VGG16, strided": ...}}
"""

from __future__ import annotations

import argparse
import json
import math
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.networks import Builder, balanced, case_of
from spear_deploy.execution import Execution
from spear_deploy.frontends import Semantics, save
from spear_deploy.network import Network
from spear_deploy.targets import InputRange, LoweringOptions, compiler_for, load_chip

REPEATS = 3
CHIP = "hala_point"
WIDEST = 10_240
"""Neurons of a dense layer of more than 10^8 synapses."""


def layer(width: int) -> Network:
    """Return one dense layer."""
    builder = Builder((width,), balanced(np.random.default_rng(0), 0.4))
    builder.dense(width)
    return builder.network()


def seconds(run: Callable[[Network], object], network: Network) -> float:
    """Return the processor's least time of a few runs, each on a network that nothing has been computed of."""
    times = []
    for _ in range(REPEATS):
        fresh = Network(network.populations, network.projections, network.outputs)
        start = time.process_time()
        run(fresh)
        times.append(time.process_time() - start)
    return min(times)


def measure(widths: list[int]) -> dict[str, list[float]]:
    """Return the seconds of each stage, by width."""
    compiler = compiler_for(load_chip(CHIP), {"p0": InputRange()}, LoweringOptions())
    stages: dict[str, Callable[[Network], object]] = {
        "compose": lambda network: network.synapses,
        "place": compiler.place,
        "lower": compiler.lower,
    }
    compiler.lower(layer(256))  # compiles and imports what is compiled and imported once
    found: dict[str, list[float]] = {name: [] for name in stages}
    for width in widths:
        network = layer(width)
        for name, run in stages.items():
            found[name].append(seconds(run, network))
    return found


def exponent(widths: list[int], times: list[float]) -> float:
    """Return the exponent of growth in the number of synapses."""
    return math.log(times[-1] / times[0]) / math.log((widths[-1] / widths[0]) ** 2)


_PROGRAM = """
import atexit, resource, sys
from pathlib import Path

def report():
    status = Path("/proc/self/status").read_text().split()
    own, children = status[status.index("VmHWM:") + 1], resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    sys.stderr.write(f" {max(int(own), children)}")

atexit.register(report)
from spear_deploy.cli.main import main
main()
"""


@dataclass(frozen=True)
class Took:
    """What a command of the command line took: ``megabytes`` are the most that one process of it held at a time."""

    seconds: float
    of_a_core: float
    megabytes: float
    exit_code: int
    output: str
    errors: str


def command_line(*arguments: str, folder: Path | None = None) -> Took:
    """Run ``spear-deploy`` with these arguments as a process of its own, from ``folder`` (None: from here)."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    command = [sys.executable, "-c", _PROGRAM, *arguments]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(each or str(Path.cwd()) for each in sys.path)}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    took, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    of_a_core = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    errors, _, peak = done.stderr.rpartition(" ")
    return Took(took, of_a_core, int(peak) / 1024, done.returncode, done.stdout, errors)


def inspected() -> Iterator[tuple[str, Took]]:
    """Yield what ``spear-deploy inspect`` takes on networks, without a chip and with one, by name."""
    dense = f"dense, {WIDEST:,} wide"
    for name in ("64-256-10", "VGG16, strided", "VGG16, pooled", dense):
        with tempfile.TemporaryDirectory() as folder:
            network = layer(WIDEST) if name == dense else case_of(name).network
            save(Path(folder) / "model.nir", network, Semantics(1.0))
            for options in ((), ("--chip", CHIP)):
                yield " ".join((name, *options)), command_line("inspect", "model.nir", *options, folder=Path(folder))


def main() -> None:
    """Measure and print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--widths", type=int, nargs="+", default=[1024, 2048, 4096, 8192])
    arguments = parser.parse_args()
    widths = arguments.widths
    with Execution().applied():
        times = measure(widths)
    exponents = {name: exponent(widths, found) for name, found in times.items()}
    growth = Table("stage", *(f"{width:,} wide, ms" for width in widths), "exponent", box=None)
    for name, found in times.items():
        growth.add_row(name, *(f"{1e3 * each:,.2f}" for each in found), f"{exponents[name]:.2f}")
    lines = Table("inspect", "seconds", "MB", "exit code", box=None)
    figures = {}
    for title, took in inspected():
        figures[title] = {"seconds": took.seconds, "megabytes": took.megabytes, "exit_code": took.exit_code}
        lines.add_row(title, f"{took.seconds:.2f}", f"{took.megabytes:.0f}", str(took.exit_code))
    if arguments.json:
        sys.stdout.write(json.dumps({"exponents": exponents, "inspect": figures}) + "\n")
    else:
        console = Console(width=120)
        console.print(growth)
        console.print(lines)


if __name__ == "__main__":
    main()
