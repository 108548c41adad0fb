"""What training as the chip computes is worth at few weight bits, on digits, beside as many steps in float.

The example network of ``examples/digits`` is fine-tuned both ways by the same steps of the same samples, distilling
from itself, then lowered and measured on the 360 test samples by the bit-exact emulator.

    python -m benchmarks.quantisation                      # a table
    python -m benchmarks.quantisation --json FILE          # the same as a file, seed by seed
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from spear_deploy.data import DataOptions, Dataset, load_data
from spear_deploy.execution import Execution
from spear_deploy.frontends import load
from spear_deploy.frontends.semantics import from_toml
from spear_deploy.measure.activity import Activity
from spear_deploy.measure.runs import measure_float, measure_program
from spear_deploy.network import Network
from spear_deploy.simulate.simulator import FloatSimulator, NetworkSimulator
from spear_deploy.targets import Compiler, InputRange, LoweringOptions, compiler_for, load_chip
from spear_deploy.train.config import Aims, FinetuneConfig
from spear_deploy.train.finetune import finetune
from spear_deploy.train.teacher import Teacher

EXAMPLE = Path(__file__).parent.parent / "examples" / "digits"
BITS, SEEDS, STEPS = (8, 4, 3, 2), (0, 1, 2), 100


def example() -> Network:
    """Return the example network; its semantics are snnTorch's with a reset to zero."""
    return load(EXAMPLE / "digits.nir", from_toml(EXAMPLE / "semantics.toml")).network


def measured(compiler: Compiler, network: Network, data: Dataset) -> Activity:
    """Lower a network and run it on the test samples."""
    return measure_program(compiler.lower(network).program, data.test)


def rows(network: Network, data: Dataset, steps: int) -> Iterator[dict[str, Any]]:
    """Yield accuracy and SynOps for each number of bits, way of training and seed."""
    config = FinetuneConfig(epochs=1e9, max_steps=steps)
    some = data.train.samples.batch(data.train.indices[:64])
    ranges = {network.inputs[0].name: InputRange(data.maximum, data.integral, some)}
    yield {"bits": "float", "trained": "not", "seed": None, **figures(measure_float(network, data.test))}
    for bits in BITS:
        compiler = compiler_for(load_chip("loihi2"), ranges, LoweringOptions(weight_bits=bits))
        yield {"bits": bits, "trained": "not", "seed": None, **figures(measured(compiler, network, data))}
        ways: dict[str, Callable[[Network], NetworkSimulator]] = {
            "in float": FloatSimulator,
            "as the chip": compiler.trainable,
        }
        for way, simulator in ways.items():
            for seed in SEEDS:
                aims = Aims(Teacher(network, data.train))
                tuned = finetune(network, data.train, config, seed=seed, aims=aims, simulator=simulator).network
                yield {"bits": bits, "trained": way, "seed": seed, **figures(measured(compiler, tuned, data))}


def figures(activity: Activity) -> dict[str, float]:
    """Return what is told of a run."""
    return {"accuracy": activity.accuracy, "synops": activity.mean_synops}


def table_of(found: list[dict[str, Any]]) -> Table:
    """Return means over the seeds, with the least and largest accuracy."""
    table = Table("weights", "fine-tuned", "accuracy", "least to largest", "SynOps a sample", box=None)
    for bits, way in dict.fromkeys((row["bits"], row["trained"]) for row in found):
        chosen = [row for row in found if (row["bits"], row["trained"]) == (bits, way)]
        accuracy = np.array([row["accuracy"] for row in chosen])
        spread = f"{accuracy.min():.2%} to {accuracy.max():.2%}" if len(chosen) > 1 else ""
        synops = np.mean([row["synops"] for row in chosen])
        table.add_row(str(bits), way, f"{accuracy.mean():.2%}", spread, f"{synops:,.0f}")
    return table


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--steps", type=int, default=STEPS, help="of fine-tuning (default: %(default)s)")
    arguments = parser.parse_args()
    network, data = example(), load_data("digits", DataOptions())
    with Execution(threads=1).applied():
        found = list(rows(network, data, arguments.steps))
    Console(width=120).print(table_of(found))
    if arguments.json:
        arguments.json.write_text(json.dumps({"steps": arguments.steps, "rows": found}, indent=1) + "\n")


if __name__ == "__main__":
    main()
