"""One NIR file on every kind of emulated chip: accuracy, measured SynOps, cores and energy, or what is in the way.

A network is lowered as it is, or with the chip's own neurons where it has others, and measured on all test samples;
then it is fine-tuned as the chip computes, distilling from itself as it was trained, by the same number of batches for
each chip, and measured again.  Energy is what cited figures of single operations give.  Results are lines of JSON in
``benchmarks/results``; what is there already is not run again.

    python -m benchmarks.one_file --networks digits nmnist braille --data-dir DATA --network-dir NETWORKS   # 12 minutes
    python -m benchmarks.one_file                                                                  # the tables alone

DATA holds ``nmnist-small``; NETWORKS ``nmnist_scnn.nir``, and ``braille.nir`` with ``braille.npz`` of examples.braille
(the subtracting network, as docs/xylo.md has it).
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.pruning import known
from spear_deploy import check_chips
from spear_deploy.api.chips import ChipCheck
from spear_deploy.data import DataOptions, Dataset, load_data
from spear_deploy.deployment.adaptation import Retraining, foreign_neurons
from spear_deploy.execution import Execution
from spear_deploy.frontends import Imported, load
from spear_deploy.frontends.semantics import from_toml, preset
from spear_deploy.measure.energy import measured_energy
from spear_deploy.measure.ranges import input_range
from spear_deploy.measure.runs import measure_float, measure_program
from spear_deploy.network import Network
from spear_deploy.report.formats import percent
from spear_deploy.targets import Compiler, LoweringOptions, compiler_for, load_chip
from spear_deploy.train.config import Aims, FinetuneConfig
from spear_deploy.train.finetune import finetune
from spear_deploy.train.teacher import Teacher

RESULTS = Path(__file__).parent / "results" / "one_file.jsonl"
EXAMPLE = Path(__file__).parent.parent / "examples" / "digits"
CHIPS = ("loihi1", "loihi2", "speck2f", "xylo_audio2", "xylo_audio3", "xylo_imu")
"""One of each kind: boards of several chips, and Speck 2e, lower to the same integers."""
_CALIBRATION = 64


@dataclass(frozen=True)
class Plan:
    """How a network is called, read and fine-tuned."""

    title: str
    steps: int
    rate: float


PLANS = {
    "nmnist": Plan("N-MNIST (`nmnist_scnn.nir`, read as sinabs does, bins of 10 ms)", 40, 1e-3),
    "digits": Plan("digits (`examples/digits/digits.nir`, coded as random spikes)", 40, 1e-3),
    "braille": Plan("Braille (`braille.nir` of `examples/braille`, 12-40-7, recurrent, subtracting)", 40, 5e-3),
}


def example(name: str, data: Path, networks: Path) -> tuple[Imported, Dataset]:
    """Return a network and its data."""
    if name == "digits":
        imported = load(EXAMPLE / "digits.nir", from_toml(EXAMPLE / "semantics.toml"))
        return imported, load_data("digits", DataOptions(network=imported.network.ends, encoding="rate"))
    if name == "braille":
        imported = load(networks / "braille.nir")
        return imported, load_data(str(networks / "braille.npz"), DataOptions(network=imported.network.ends))
    imported = load(networks / "nmnist_scnn.nir", preset("sinabs"), {"floor": -1.0})
    return imported, load_data("nmnist-small", DataOptions(folder=data, bin_ms=10.0))


def asked(chip: str, imported: Imported, data: Dataset) -> ChipCheck:
    """Return what a chip says of a network that is fed such data."""
    x, _ = data.train.batch(np.arange(_CALIBRATION))
    return check_chips(imported, [chip], calibration=x)[0]


def result(name: str, chip: str, imported: Imported, data: Dataset) -> dict[str, Any]:
    """Hold a network against a chip, and measure it there."""
    started, plan, check = time.process_time(), PLANS[name], asked(chip, imported, data)
    codes = sorted({finding.code for finding in check.findings})
    found: dict[str, Any] = {"network": name, "chip": chip, "answer": check.answer, "codes": codes}
    if check.answer in ("yes", "with adaptation"):
        compiler = compiler_for(
            load_chip(chip), {imported.network.inputs[0].name: input_range(data)}, LoweringOptions()
        )
        in_float = measure_float(imported.network, data.test)
        found["float"] = {"accuracy": in_float.accuracy, "synops": in_float.mean_synops, "samples": len(data.test)}
        first, tuned = fine_tuned(imported, compiler, data, plan)
        found |= {"lowered": measured(first, compiler, data), "fine_tuned": measured(tuned, compiler, data)}
    return {**found, "seconds": round(time.process_time() - started, 1)}


def fine_tuned(imported: Imported, compiler: Compiler, data: Dataset, plan: Plan) -> tuple[Network, Network]:
    """Return the network as it is lowered first, and fine-tuned as the chip computes."""
    config = FinetuneConfig(learning_rate=plan.rate).lasting(plan.steps)
    if foreign_neurons(imported.network, compiler, imported):
        first, _ = compiler.adapt(imported.network, imported.semantics)
        return first, Retraining(imported, compiler, data, Execution()).tuned(config)
    aims = Aims(Teacher(imported.network, data.train))
    tuned = finetune(imported.network, data.train, config, seed=0, aims=aims, simulator=compiler.trainable).network
    return imported.network, tuned


def measured(network: Network, compiler: Compiler, data: Dataset) -> dict[str, Any]:
    """Lower a network and measure it on the test samples; energy is that of a sample, in joules."""
    lowered = compiler.lower(network)
    activity = measure_program(lowered.program, data.test)
    energy = measured_energy(compiler.chip, lowered.program, activity, data.steps)
    return {
        "accuracy": activity.accuracy,
        "synops": activity.mean_synops,
        "cores": lowered.placement.cores,
        "energy": None if energy is None else [energy.low, energy.high],
    }


def carry_out(names: Sequence[str], data_dir: Path, network_dir: Path) -> None:
    """Measure what is missing, on one thread, and append each result as it comes."""
    done = {(each["network"], each["chip"]) for each in known(RESULTS)}
    with Execution(threads=1).applied():
        for name in names:
            imported, data = example(name, data_dir, network_dir)
            for chip in (chip for chip in CHIPS if (name, chip) not in done):
                line = json.dumps(result(name, chip, imported, data), sort_keys=True)
                with RESULTS.open("a", encoding="utf-8") as stream:
                    stream.write(line + "\n")
                sys.stderr.write(f"{name} {chip}\n")


_HEAD = (
    "chip",
    "takes it",
    "float",
    "lowered",
    "fine-tuned",
    "SynOps a sample",
    "cores",
    "energy a sample",
    "in the way",
)


def tables(found: Sequence[Mapping[str, Any]]) -> str:
    """Return a table for each network, in Markdown."""
    parts = []
    for name, plan in PLANS.items():
        rows = [_HEAD, ("---",) * len(_HEAD), *(tuple(_row(each)) for each in found if each["network"] == name)]
        parts.append(f"**{plan.title}**\n\n" + "\n".join(f"| {' | '.join(cells)} |" for cells in rows))
    return "\n\n".join(parts)


def _row(each: Mapping[str, Any]) -> Iterator[str]:
    yield f"[`{each['chip']}`](chips/{each['chip']}.md)"
    yield each["answer"]
    if "float" in each:
        stages = [each[stage] for stage in ("float", "lowered", "fine_tuned")]
        yield from (percent(stage["accuracy"], 1) for stage in stages)
        tuned = stages[-1]
        yield f"{tuned['synops']:,.0f}"
        yield str(tuned["cores"])
        yield (
            "not cited"
            if tuned["energy"] is None
            else " to ".join(f"{1e6 * joule:,.1f}" for joule in tuned["energy"]) + " uJ"
        )
    else:
        yield from ("",) * 6
    yield ", ".join(f"[{code}](reference/errors/{code}.md)" for code in each["codes"])


def main() -> None:
    """Run what is missing and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", choices=tuple(PLANS), default=[])
    parser.add_argument("--data-dir", type=Path, default=Path())
    parser.add_argument("--network-dir", type=Path, default=Path())
    given = parser.parse_args()
    carry_out(given.networks, given.data_dir, given.network_dir)
    print(tables(known(RESULTS)))


if __name__ == "__main__":
    main()
