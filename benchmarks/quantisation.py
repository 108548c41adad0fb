"""What training as the chip computes is worth at few weight bits, beside as many steps of training in float.

Each network is fine-tuned both ways by the same steps of the same samples, distilling from itself, then lowered and
measured on all its test samples by the bit-exact emulator.  Results are lines of JSON in ``benchmarks/results``; what
is there already is not run again, so that the benchmark can be interrupted, and run in parts.

    python -m benchmarks.quantisation                                        # digits, and the table of what is there
    python -m benchmarks.quantisation --networks digits fashion nmnist braille --data-dir DATA --network-dir NETWORKS
    python -m benchmarks.quantisation --table                                # run nothing

DATA holds the data sets; NETWORKS ``nmnist_scnn.nir`` and ``braille.nir`` with ``braille.npz`` of examples.braille.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from benchmarks.pruning import known
from spear_deploy.data import DataOptions, Dataset, load_data
from spear_deploy.execution import Execution
from spear_deploy.frontends import load
from spear_deploy.frontends.semantics import from_toml, preset
from spear_deploy.measure.activity import Activity
from spear_deploy.measure.ranges import input_range
from spear_deploy.measure.runs import measure_float, measure_program
from spear_deploy.network import Network
from spear_deploy.simulate.simulator import FloatSimulator
from spear_deploy.targets import LoweringOptions, compiler_for, load_chip
from spear_deploy.train.config import Aims, FinetuneConfig
from spear_deploy.train.finetune import finetune
from spear_deploy.train.teacher import Teacher

EXAMPLES = Path(__file__).parent.parent / "examples"
RESULTS = Path(__file__).parent / "results" / "quantisation.jsonl"
SEEDS = (0, 1, 2)
NOT, FLOAT, CHIP = "not", "in float", "as the chip"
_NOTICED = {8: 2.0, 4: 2.0}
"""Standard errors of the accuracy that may be lost at so many bits."""
_POINTS = {2: 3.0}
"""Points that may be lost at so many."""


@dataclass(frozen=True)
class Run:
    """One row: a network at ``bits`` of weight (None: in float), ``trained`` one way or not, by a seed."""

    network: str
    bits: int | None
    trained: str
    seed: int | None


@dataclass(frozen=True)
class Plan:
    """How a network is fine-tuned, and at which numbers of bits."""

    title: str
    steps: Mapping[int, int]
    """Steps of fine-tuning at each number of bits."""
    rate: float = 2e-3

    @property
    def bits(self) -> tuple[int, ...]:
        """The numbers of bits, in the table's order."""
        return tuple(self.steps)

    def runs(self, name: str) -> Iterator[Run]:
        """Yield the runs of the network."""
        yield Run(name, None, NOT, None)
        for bits in self.bits:
            yield Run(name, bits, NOT, None)
            yield from (Run(name, bits, way, seed) for seed in SEEDS for way in (FLOAT, CHIP))


PLANS = {
    "digits": Plan("digits", {8: 100, 4: 100, 3: 100, 2: 100}),
    "braille": Plan("Braille", {8: 200, 4: 200}, 5e-4),
    "nmnist": Plan("N-MNIST", {8: 40, 4: 40}, 5e-4),
    "fashion": Plan("Fashion-MNIST", {8: 60, 4: 60, 2: 300}, 1e-3),
}


@dataclass(frozen=True)
class Folders:
    """Where data sets and networks lie."""

    data: Path | None
    networks: Path | None

    def network(self, name: str) -> Path:
        """Return a network's file; ends the program where no folder was given."""
        if self.networks is None:
            sys.exit(f"--network-dir is needed: a folder with {name}")
        return self.networks / name


@cache
def example(name: str, folders: Folders) -> tuple[Network, Dataset]:
    """Return a network and its data."""
    if name == "braille":
        network = load(folders.network("braille.nir")).network
        path = str(folders.network("braille.npz"))
        return network, load_data(path, DataOptions(network=network.ends))
    if name == "nmnist":
        network = load(folders.network("nmnist_scnn.nir"), preset("nir"), {"dt": 1.0}).network
        return network, load_data("nmnist-small", DataOptions(folder=folders.data, bin_ms=10.0))
    folder, data = {
        "digits": (EXAMPLES / "digits", "digits"),
        "fashion": (EXAMPLES / "fashion_mnist", "fashion-mnist"),
    }[name]
    network = load(folder / f"{folder.name}.nir", from_toml(folder / "semantics.toml")).network
    return network, load_data(data, DataOptions(folder=folders.data, network=network.ends))


@cache
def in_float(name: str, folders: Folders) -> Activity:
    """Return what the network does in float on the test samples."""
    return measure_float(*_network_and_test(name, folders))


def _network_and_test(name: str, folders: Folders) -> tuple[Network, Any]:
    network, data = example(name, folders)
    return network, data.test


def result(run: Run, folders: Folders) -> dict[str, Any]:
    """Carry out a run and return its figures."""
    started = time.process_time()
    network, data = example(run.network, folders)
    wanted, plan = in_float(run.network, folders), PLANS[run.network]
    found, steps = wanted, 0
    if run.bits is not None:
        ranges = {network.inputs[0].name: input_range(data)}
        compiler = compiler_for(load_chip("loihi2"), ranges, LoweringOptions(weight_bits=run.bits))
        if run.seed is not None:
            steps = plan.steps[run.bits]
            config = FinetuneConfig(learning_rate=plan.rate).lasting(steps)
            simulator = compiler.trainable if run.trained == CHIP else FloatSimulator
            aims = Aims(Teacher(network, data.train))
            network = finetune(network, data.train, config, seed=run.seed, aims=aims, simulator=simulator).network
        found = measure_program(compiler.lower(network).program, data.test)
    return {
        **asdict(run),
        "steps": steps,
        "accuracy": found.accuracy,
        "synops": found.mean_synops,
        "samples": len(found.labels),
        "lost": int(np.count_nonzero(wanted.correct & ~found.correct)),
        "gained": int(np.count_nonzero(found.correct & ~wanted.correct)),
        "seconds": round(time.process_time() - started, 1),
    }


def missing(runs: Sequence[Run], found: Sequence[Mapping[str, Any]]) -> list[Run]:
    """Return the runs without a result."""
    done = {Run(each["network"], each["bits"], each["trained"], each["seed"]) for each in found}
    return [run for run in runs if run not in done]


def carry_out(runs: Sequence[Run], folders: Folders) -> None:
    """Carry out runs on one thread, and append each result as it comes."""
    RESULTS.parent.mkdir(exist_ok=True)
    with Execution(threads=1).applied():
        for number, run in enumerate(runs, start=1):
            line = json.dumps(result(run, folders), sort_keys=True)
            with RESULTS.open("a") as stream:
                stream.write(line + "\n")
            sys.stderr.write(f"{number}/{len(runs)}\r")


def table(found: Sequence[Mapping[str, Any]]) -> str:
    """Return the results as a table in Markdown: means over the seeds, points lost against float, and the bar."""
    head = (
        "network",
        "bits",
        "fine-tuned",
        "seeds",
        "accuracy",
        "points lost",
        "standard error",
        "bar",
        "SynOps a sample",
    )
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    for name, plan in PLANS.items():
        rows = [each for each in found if each["network"] == name]
        of_float = [each for each in rows if each["bits"] is None]
        kinds = [(bits, way) for bits in (None, *plan.bits) for way in (NOT, FLOAT, CHIP)]
        for bits, way in kinds:
            chosen = [each for each in rows if (each["bits"], each["trained"]) == (bits, way)]
            if chosen and of_float:
                lines.append(f"| {plan.title} | {' | '.join(_cells(bits, way, chosen, of_float[0]))} |")
    return "\n".join(lines)


def _cells(
    bits: int | None, way: str, chosen: Sequence[Mapping[str, Any]], of_float: Mapping[str, Any]
) -> Iterator[str]:
    """Yield the cells of a row behind the network's name."""
    accuracies = [100 * each["accuracy"] for each in chosen]
    accuracy, whole = float(np.mean(accuracies)), of_float["accuracy"]
    error = 100 * sqrt(whole * (1 - whole) / of_float["samples"])
    lost, bar = 100 * whole - accuracy, largest_loss(bits, error)
    spread = f" ({min(accuracies):.2f} to {max(accuracies):.2f})" if len(chosen) > 1 else ""
    yield "float" if bits is None else str(bits)
    yield way
    yield "" if chosen[0]["seed"] is None else str(len(chosen))
    yield f"{accuracy:.2f} %{spread}"
    yield "" if bits is None else f"{lost:+.2f}"
    yield f"{error:.2f}"
    yield "" if bar is None else f"{bar:.2f} {'kept' if lost <= bar else '**missed**'}"
    yield f"{np.mean([each['synops'] for each in chosen]):,.0f}"


def largest_loss(bits: int | None, error: float) -> float | None:
    """Return the points that may be lost at so many bits, where an accuracy has this standard error; None: no bar."""
    if bits in _NOTICED:
        return _NOTICED[bits] * error
    return None if bits is None else _POINTS.get(bits)


def main() -> None:
    """Run what is missing and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", choices=tuple(PLANS), default=["digits"])
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--network-dir", type=Path)
    parser.add_argument("--table", action="store_true", help="run nothing")
    given = parser.parse_args()
    if not given.table:
        runs = [run for name in given.networks for run in PLANS[name].runs(name)]
        carry_out(missing(runs, known(RESULTS)), Folders(given.data_dir, given.network_dir))
    Console(width=160).print(table(known(RESULTS)), markup=False, highlight=False)


if __name__ == "__main__":
    main()
