"""A GPU in three minutes: whether its integers are exact, and how fast training and emulation are there.

First the tests that compare a device's integers with the processor's; then steps of training beside those of snnTorch,
a step compiled by torch, and SpikingJelly; then emulated steps beside the emulator on one core and snnTorch on the
device, with the share of the memory's bandwidth that neurons' states alone take: each is read and written once a step.

    python -m benchmarks.device                        # the first GPU
    python -m benchmarks.device --device cpu:0 --rows "64-256-10"      # the same path where there is none
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from benchmarks.networks import ROWS, Case, case_of
from benchmarks.peers import SnnTorchStep
from benchmarks.training import table_of, wait_for
from spear_deploy.execution import Execution
from spear_deploy.targets import load_chip
from spear_deploy.targets.loihi.emulator.device_emulator import DeviceEmulator
from spear_deploy.targets.loihi.emulator.emulator import LoihiEmulator
from spear_deploy.targets.loihi.program import LoihiProgram
from spear_deploy.targets.loihi.quantise import quantise
from spear_deploy.targets.loihi.registers import Registers
from spear_deploy.targets.ports import InputRange

ROOT = Path(__file__).resolve().parents[1]
TESTS = ("tests/targets/loihi/emulator/test_device_emulator.py", "tests/targets/loihi/training/test_simulator.py")
CHOSEN = ("64-256-10", "784-1024-1024-10", "conv 2x34x34", "VGG16, pooled", "ResNet18")
STATE_BYTES = 2 * 2 * 8
"""u and v of a neuron, 64 bits each, read and written."""
ROUNDS = 3


def copied(device: torch.device, size: int) -> float:
    """Return the bytes a second that are read and written while so many are copied on a device."""
    source = torch.zeros(size, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    return 2 * size / least_seconds(lambda: target.copy_(source), device, 20)


def least_seconds(work: Callable[[], object], device: torch.device, rounds: int) -> float:
    """Return the least seconds that work on a device takes; a first round does not count."""
    times = []
    for _ in range(rounds + 1):
        start = time.perf_counter()
        work()
        wait_for(device)
        times.append(time.perf_counter() - start)
    return min(times[1:])


def snntorch_work(case: Case, x: np.ndarray, device: torch.device) -> Callable[[], object]:
    """Return a run of snnTorch on a device, of all steps."""
    step = SnnTorchStep(case.network).to(device)
    spikes = torch.from_numpy(x).to(device).float()

    def run() -> None:
        sent = membranes = step.zeros(x.shape[1])
        with torch.inference_mode():
            for each in spikes:
                sent, membranes = step(each, sent, membranes)

    return run


def emulation_row(name: str, samples: int, device: torch.device, bandwidth: float) -> list[str]:
    """Measure one network."""
    case = replace(case_of(name), samples=samples)
    program: LoihiProgram = quantise(
        case.network, "loihi2", Registers.of(load_chip("loihi2")), {"p0": InputRange()}
    ).program
    x = case.spikes(np.random.default_rng(1))
    on_device, on_core = DeviceEmulator(program, device), LoihiEmulator(program)
    seconds = least_seconds(lambda: on_device.run({"p0": x}), device, ROUNDS)
    one_core = least_seconds(lambda: on_core.run({"p0": x}), torch.device("cpu"), 1)
    peer = least_seconds(snntorch_work(case, x, device), device, ROUNDS)
    sample_steps = case.steps * samples
    neurons = sum(population.size for population in program.populations)
    share = neurons * sample_steps * STATE_BYTES / seconds / bandwidth
    rate = f"{sample_steps / seconds:,.0f}"
    return [name, str(samples), rate, f"{one_core / seconds:.2f}", f"{peer / seconds:.2f}", f"{100 * share:.1f}"]


def exact(device: torch.device) -> bool:
    """Run the tests of this device's integers and tell whether they passed."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", device.type, *TESTS]
    return subprocess.run(command, cwd=ROOT, check=False).returncode == 0


def report(device: torch.device, rows: Sequence[str], samples: int, copy_bytes: int) -> None:
    """Print how fast a device is."""
    console = Console(width=120)
    bandwidth = copied(device, copy_bytes)
    console.print(f"{device}: torch {torch.__version__}, copies at {bandwidth / 1e9:,.0f} GB/s")
    console.print(table_of(device))
    emulated = Table("network", "samples", "sample-steps/s", "vs one core", "vs snnTorch", "% of bandwidth", box=None)
    for name in rows:
        emulated.add_row(*emulation_row(name, samples, device, bandwidth))
    console.print(emulated)


def main() -> None:
    """Check, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", type=torch.device, default="cuda", help="torch's name (default: %(default)s)")
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=list(CHOSEN), metavar="ROW")
    parser.add_argument("--samples", type=int, default=256, help="emulated at a time (default: %(default)s)")
    arguments = parser.parse_args()
    with Execution().applied():
        report(arguments.device, arguments.rows, arguments.samples, 1 << 30)
    if not exact(arguments.device):
        sys.exit("the device's integers are not the processor's")


if __name__ == "__main__":
    main()
