"""How fast the bit-exact emulator is, beside the float simulations that its users have, and the Lava runtime.

All run the same network on the same spikes, in turn, several times over in one run on the same cores; the least time of
each counts.  Ours are integers and keep all spikes; the peers are float32: snnTorch eager, a step compiled by torch and
JAX's compiled scan, which needs an environment of its own:

    python -m venv build/jax && build/jax/bin/pip install jax

    python -m benchmarks.emulator                                  # a table
    python -m benchmarks.emulator --json --rows "64-256-10" ...    # {"64-256-10": {"snnTorch": ratio, ...}, ...}
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks import peers
from benchmarks.networks import ROWS, Case, case_of
from spear_deploy.backends.lava import run_lava
from spear_deploy.execution import Execution
from spear_deploy.targets import load_chip
from spear_deploy.targets.loihi.emulator.emulator import LoihiEmulator
from spear_deploy.targets.loihi.program import LoihiProgram
from spear_deploy.targets.loihi.program_file import write_program
from spear_deploy.targets.loihi.quantise import quantise
from spear_deploy.targets.loihi.registers import Registers
from spear_deploy.targets.ports import InputRange

LAVA_SAMPLES = 8
PEERS = ("snnTorch", "torch.compile", "JAX", "Lava")
ROUNDS = 5


@dataclass(frozen=True)
class Measured:
    """Seconds a sample-step of the emulator and of its peers, by name, and the share of each population that fires."""

    seconds: float
    first: float
    peers: Mapping[str, float]
    firing: Mapping[str, float]

    @property
    def ratios(self) -> dict[str, float]:
        """How many times faster the emulator is."""
        return {name: seconds / self.seconds for name, seconds in self.peers.items()}

    @property
    def best_ratio(self) -> float:
        """The same to the fastest float peer."""
        return min(ratio for name, ratio in self.ratios.items() if name != "Lava")


def emulator_run(program: LoihiProgram, x: NDArray[np.uint8], execution: Execution) -> peers.Run:
    """Return a run of the emulator."""
    emulator = LoihiEmulator(program, execution)

    def run() -> float:
        start = time.perf_counter()
        emulator.run({"p0": x})
        return time.perf_counter() - start

    return run


def lava_seconds(program: LoihiProgram, x: NDArray[np.uint8]) -> float:
    """Return seconds a sample-step of the Lava runtime, its start-up left out."""
    samples = np.ascontiguousarray(np.moveaxis(x[:, :LAVA_SAMPLES], 1, 0))
    record = run_lava(lambda path: write_program(path, program), {"p0": samples}, timeout=600)
    return float(record.seconds_run / record.steps)


def measure(case: Case, execution: Execution, chosen: Sequence[str], jax: Path) -> Measured:
    """Run the emulator and its peers in turn; the first run of each, which compiles, does not count."""
    registers = Registers.of(load_chip("loihi2"))
    program = quantise(case.network, "loihi2", registers, {"p0": InputRange()}).program
    x = case.spikes(np.random.default_rng(1))
    with ExitStack() as stack:
        runs = {"emulator": emulator_run(program, x, execution)}
        first = runs["emulator"]()
        if "snnTorch" in chosen:
            runs["snnTorch"] = peers.snntorch_run(case.network, x)
        if "torch.compile" in chosen:
            runs["torch.compile"] = peers.compiled_run(case.network, x)
        if "JAX" in chosen:
            runs["JAX"] = stack.enter_context(peers.jax_run(jax, case.network, x, execution.threads))
        times = [{name: run() for name, run in runs.items()} for _ in range(ROUNDS + 1)][1:]
    sample_steps = case.steps * case.samples
    least = {name: min(each[name] for each in times) / sample_steps for name in runs}
    ours = least.pop("emulator")
    if "Lava" in chosen:
        least["Lava"] = lava_seconds(program, x)
    spikes = LoihiEmulator(program, execution).run({"p0": x}).spikes
    return Measured(ours, first / sample_steps, least, {name: float(each.mean()) for name, each in spikes.items()})


def main() -> None:
    """Measure the rows and print them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--threads", type=int, default=1, help="for all but Lava (default: %(default)s)")
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=list(ROWS), metavar="ROW")
    parser.add_argument("--peers", nargs="+", choices=PEERS, default=list(PEERS[:3]), metavar="PEER")
    parser.add_argument("--jax", type=Path, default=Path("build/jax/bin/python"), help="a Python that has JAX")
    arguments = parser.parse_args()
    execution = Execution(threads=arguments.threads)
    table = Table("network", "us/step", "first", *(f"vs {name}" for name in arguments.peers), "vs best", "firing, %")
    table.box = None
    found: dict[str, dict[str, float]] = {}
    with execution.applied():
        for name in arguments.rows:
            measured = measure(case_of(name), execution, arguments.peers, arguments.jax)
            found[name] = {**measured.ratios, "best": measured.best_ratio}
            ratios = (f"{found[name][peer]:.2f}" for peer in (*arguments.peers, "best"))
            firing = " ".join(f"{100 * rate:.0f}" for rate in measured.firing.values())
            us = f"{1e6 * measured.seconds:,.2f}"
            table.add_row(name, us, f"{1e6 * measured.first:,.2f}", *ratios, firing)
            Console(stderr=True).print(name, us, found[name])
    if arguments.json:
        sys.stdout.write(json.dumps(found) + "\n")
    else:
        Console(width=160).print(table)


if __name__ == "__main__":
    main()
