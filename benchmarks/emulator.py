"""How fast the bit-exact emulator is, beside the Lava runtime and an eager float simulation in snnTorch.

The same network and the same input spikes for all three, in one run on the same cores; rates are sample-steps a second.
"Products" is the emulator without its sums by events: dense arithmetic.  "Of memory" is the share of the rate at which
the spikes, once read and once written, could be copied: what is left when all arithmetic is free.

    python -m benchmarks.emulator            # a table
    python -m benchmarks.emulator --json     # {"dense": {"vs_lava": r, "vs_snntorch": r}, "conv": {...}}
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import snntorch
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from torch import nn

from spear_deploy.backends.lava import run_lava
from spear_deploy.execution import Execution
from spear_deploy.network import Conv2d, Flatten, Input, Linear, LinearOp, Network, Neuron, Population, Projection
from spear_deploy.network.ops import Shape, chain_shapes
from spear_deploy.targets import load_chip
from spear_deploy.targets.loihi.emulator.emulator import LoihiEmulator
from spear_deploy.targets.loihi.emulator.layer import MEASURED
from spear_deploy.targets.loihi.program import LoihiProgram
from spear_deploy.targets.loihi.program_file import write_program
from spear_deploy.targets.loihi.quantise import quantise
from spear_deploy.targets.loihi.registers import Registers
from spear_deploy.targets.ports import InputRange

BETA, RATE, LAVA_SAMPLES = 0.9, 0.1, 8


@dataclass(frozen=True)
class Case:
    """A network as chains of operations, each followed by LIF neurons; steps and samples of the fast runs."""

    name: str
    shape: Shape
    chains: tuple[tuple[LinearOp, ...], ...]
    steps: int
    samples: int


def dense_case(rng: np.random.Generator) -> Case:
    """64-256-10."""
    chains = ((linear(rng, 256, 64),), (linear(rng, 10, 256),))
    return Case("dense", (64,), chains, steps=100, samples=512)


def conv_case(rng: np.random.Generator) -> Case:
    """2x34x34 - 16 (stride 2) - 32 (stride 2) - dense 10."""
    first = Conv2d(weights(rng, 16, 2, 3, 3), None, (2, 2), (1, 1))
    second = Conv2d(weights(rng, 32, 16, 3, 3), None, (2, 2), (1, 1))
    return Case("conv", (2, 34, 34), ((first,), (second,), (Flatten(), linear(rng, 10, 32 * 9 * 9))), 32, 128)


def weights(rng: np.random.Generator, *shape: int) -> NDArray[np.float32]:
    """Weights that let a tenth of the neurons fire in a step, or so."""
    fan_in = int(np.prod(shape[1:]))
    return rng.normal(0.3 / np.sqrt(fan_in), 1.2 / np.sqrt(fan_in), shape).astype(np.float32)


def linear(rng: np.random.Generator, outputs: int, inputs: int) -> Linear:
    """A linear layer."""
    return Linear(weights(rng, outputs, inputs))


def network_of(case: Case) -> Network:
    """Return the network of a case."""
    populations, projections = [Input("p0", case.shape)], []
    for index, ops in enumerate(case.chains, 1):
        shape = chain_shapes(ops, populations[-1].shape)[-1]
        zero, one = np.zeros(shape, np.float32), np.ones(shape, np.float32)
        neuron = Neuron(alpha=zero, beta=BETA * one, gain=one, bias=zero, reset_value=zero, threshold=one)
        projections.append(Projection(f"w{index}", f"p{index - 1}", f"p{index}", ops))
        populations.append(Population(f"p{index}", shape, neuron))
    return Network(tuple(populations), tuple(projections), (populations[-1].name,))


@dataclass(frozen=True)
class Measured:
    """The emulator on one case: sample-steps a second, bytes of spikes in one of them, and firing rates."""

    rate: float
    rate_of_products: float
    bytes_moved: float
    firing: Mapping[str, float]


def measure_emulator(program: LoihiProgram, x: NDArray[np.uint8], execution: Execution) -> Measured:
    """Measure the emulator as it is, and confined to dense arithmetic."""
    sample_steps = x.shape[0] * x.shape[1]
    seconds = []
    for costs in (MEASURED, replace(MEASURED, event=1e9)):
        emulator = LoihiEmulator(program, execution, costs)
        seconds.append(fastest(partial(emulator.run, {"p0": x})))
    recording = emulator.run({"p0": x})
    moved = sum(spikes.nbytes for spikes in recording.spikes.values()) / sample_steps
    firing = {name: float(spikes.mean()) for name, spikes in recording.spikes.items()}
    return Measured(sample_steps / seconds[0], sample_steps / seconds[1], moved, firing)


def copy_rate(threads: int) -> float:
    """Return bytes a second that a copy of large arrays writes, all threads together."""
    source = [np.ones(1 << 26, np.uint8) for _ in range(threads)]
    target = [np.zeros_like(part) for part in source]
    with ThreadPoolExecutor(threads) as pool:
        seconds = fastest(lambda: list(pool.map(np.copyto, target, source)), repeats=5)
    return threads * (1 << 26) / seconds


def lava_rate(program: LoihiProgram, x: NDArray[np.uint8]) -> float:
    """Return sample-steps a second of the Lava runtime, its start-up left out."""
    samples = np.ascontiguousarray(np.moveaxis(x[:, :LAVA_SAMPLES], 1, 0))
    record = run_lava(lambda path: write_program(path, program), {"p0": samples}, timeout=600)
    return record.steps / record.seconds_run


def snntorch_rate(case: Case, x: NDArray[np.uint8]) -> float:
    """Return sample-steps a second of an eager snnTorch simulation, one step after the other."""
    layers: list[nn.Module] = []
    for ops in case.chains:
        layers += [module_of(op) for op in ops]
        layers.append(snntorch.Leaky(beta=BETA, reset_mechanism="zero", init_hidden=True))
    spikes = torch.from_numpy(x).float()

    def simulate() -> None:
        for layer in layers:
            if isinstance(layer, snntorch.Leaky):
                layer.reset_mem()
        for step in spikes:
            out = step
            for layer in layers:
                out = layer(out)

    with torch.no_grad():
        return x.shape[0] * x.shape[1] / fastest(simulate)


def module_of(op: LinearOp) -> nn.Module:
    """Return the torch module of an operation."""
    if isinstance(op, Flatten):
        return nn.Flatten()
    if isinstance(op, Conv2d):
        outputs, inputs, *kernel = op.weight.shape
        module: nn.Module = nn.Conv2d(inputs, outputs, tuple(kernel), op.stride, op.padding, bias=False)
    else:
        assert isinstance(op, Linear)
        module = nn.Linear(op.weight.shape[1], op.weight.shape[0], bias=False)
    module.weight = nn.Parameter(torch.tensor(op.weight))
    return module


def fastest(run: Callable[[], object], repeats: int = 3) -> float:
    """Return the seconds of the fastest of a few runs, the first one (compilation) not counted."""
    run()
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def main() -> None:
    """Measure both cases and print them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--threads", type=int, default=2, help="for the emulator and snnTorch (default: %(default)s)")
    arguments = parser.parse_args()
    execution = Execution(threads=arguments.threads)
    with execution.applied():
        table, ratios = measure(execution)
    if arguments.json:
        sys.stdout.write(json.dumps(ratios) + "\n")
    else:
        Console(width=160).print(table)


def measure(execution: Execution) -> tuple[Table, dict[str, dict[str, float]]]:
    """Measure both cases; return a table, and the ratios to what the emulator is compared with."""
    registers = Registers.of(load_chip("loihi2"))
    rng = np.random.default_rng(0)
    copied = copy_rate(execution.threads)
    ratios: dict[str, dict[str, float]] = {}
    heads = ("emulator", "products", "Lava", "snnTorch", "vs products", "vs Lava", "vs snnTorch", "of memory")
    table = Table("network", *heads, "firing rates", box=None)
    for case in (dense_case(rng), conv_case(rng)):
        program = quantise(network_of(case), "loihi2", registers, {"p0": InputRange()}).program
        x = (rng.random((case.steps, case.samples, *case.shape)) < RATE).astype(np.uint8)
        ours, lava, peer = measure_emulator(program, x, execution), lava_rate(program, x), snntorch_rate(case, x)
        ratios[case.name] = {"vs_lava": ours.rate / lava, "vs_snntorch": ours.rate / peer}
        rates = (f"{rate:,.0f}" for rate in (ours.rate, ours.rate_of_products, lava, peer))
        share = ours.rate * ours.bytes_moved / copied
        against = (ours.rate / ours.rate_of_products, ours.rate / lava, ours.rate / peer)
        firing = " ".join(f"{rate:.0%}" for rate in ours.firing.values())
        table.add_row(case.name, *rates, *(f"{ratio:,.1f}" for ratio in against), f"{share:.1%}", firing)
    return table, ratios


if __name__ == "__main__":
    main()
