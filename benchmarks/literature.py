"""The networks of the literature on large boards of Loihi 2: inspected, deployed at half of their SynOps, and run.

VGG16, ResNet18 and a MobileNet on 3x32x32 (4 steps), sinabs' network for DVS-Gesture (2x128x128, 20 steps) and PilotNet
(3x66x200, 16 steps) at their full widths, all with LIF neurons.  Weights are random, scaled so that a tenth of each
population fires in a step; images are random, labelled by what the network decides.  What is measured is whether the
path is whole, what it takes and whether the budget is kept, not how well anything is classified.

Each stage is a process of its own.  Results are lines of JSON in ``benchmarks/results``; what is there already is not
run again.

    python -m benchmarks.literature -o FOLDER                 # run what is missing: hours
    python -m benchmarks.literature --networks MobileNet --chips hala_point -o FOLDER
    python -m benchmarks.literature                           # the table alone
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.compiling import Took, command_line
from benchmarks.networks import ROWS, Builder, balanced
from benchmarks.pruning import known
from spear_deploy.data import SpikeSamples, Split, ValueSamples
from spear_deploy.execution import Execution
from spear_deploy.frontends import Semantics, save
from spear_deploy.measure.runs import measure_float
from spear_deploy.network import AvgPool2d, Conv2d, Linear, LinearOp, Network
from spear_deploy.report.formats import percent

RESULTS = Path(__file__).parent / "results" / "literature.jsonl"
CHIPS = ("hala_point", "kapoho_point")
STAGES = ("inspect", "deploy", "run")
TRAIN, TEST, CALIBRATION, BUDGET = 16, 4, 4, "50%"
_RATE, _HALVINGS = 0.1, 6


@dataclass(frozen=True)
class Subject:
    """A network of the literature: what builds it, the time steps of a sample, and whether events are its input."""

    build: Callable[[np.random.Generator], Network]
    steps: int
    events: bool = False


def gesture(rng: np.random.Generator) -> Network:
    """sinabs' network for DVS-Gesture (examples/dvs_gesture): seven convolutions, average pooling, two matrices."""
    builder, pool = Builder((2, 128, 128), balanced(rng, 0.8)), AvgPool2d((2, 2), (2, 2))
    builder.add(Conv2d(builder.draw(16, 2, 2, 2), None, (2, 2), (0, 0)))
    builder.add(builder.conv(16))
    for channels in (32, 32, 64, 64):
        builder.add(pool, builder.conv(channels))
    builder.add(pool, Conv2d(builder.draw(256, 64, 2, 2), None, (1, 1), (0, 0)))
    builder.dense(128, 11)
    return builder.network()


def pilotnet(rng: np.random.Generator) -> Network:
    """lava-dl's PilotNet (examples/pilotnet): a layer of neurons on the image, five convolutions, four matrices."""
    builder = Builder((3, 66, 200), balanced(rng, 0.8))
    builder.add(Conv2d(builder.draw(3, 1, 1, 1), None, (1, 1), (0, 0), groups=3))
    for channels, stride, padding in (
        (24, (2, 2), (0, 0)),
        (36, (2, 2), (0, 0)),
        (48, (2, 2), (0, 0)),
        (64, (2, 1), (1, 0)),
        (64, (1, 1), (0, 0)),
    ):
        weight = builder.draw(channels, builder.last.shape[0], 3, 3)
        builder.add(Conv2d(weight, None, stride, padding))
    builder.dense(100, 50, 10, 1)
    return builder.network()


SUBJECTS: Mapping[str, Subject] = MappingProxyType(
    {
        "MobileNet": Subject(ROWS["MobileNet"].build, 4),
        "DVS-Gesture": Subject(gesture, 20, events=True),
        "PilotNet": Subject(pilotnet, 16),
        **{name: Subject(ROWS[name].build, 4) for name in ("ResNet18", "VGG16, strided", "VGG16, pooled")},
    }
)
"""By name, the smallest first."""


def samples(subject: Subject, network: Network) -> NDArray[Any]:
    """Draw images in 0..1 (N, *shape), or events (N, T, *shape) of which a tenth are there."""
    rng, shape, count = np.random.default_rng(1), network.inputs[0].shape, TRAIN + TEST
    if subject.events:
        return (rng.random((count, subject.steps, *shape), np.float32) < _RATE).astype(np.uint8)
    return rng.random((count, *shape), np.float32)


def split_of(subject: Subject, x: NDArray[Any]) -> Split:
    """Return samples as a split, all of label 0."""
    coded = SpikeSamples(x) if subject.events else ValueSamples(x, subject.steps)
    return Split(coded, np.zeros(len(x), np.int64), np.arange(len(x)))


def calibrated(network: Network, split: Split) -> Network:
    """Return the network with the weights into each population scaled so that a tenth of it fires in a step."""
    for number, population in enumerate(network.neurons, 1):
        names = {each.name for each in network.populations[: number + 1]}
        low, high = -3.0, 3.0
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            tried = scaled(network, population.name, 2.0**middle)
            within = tuple(each for each in tried.projections if {each.source, each.target} <= names)
            part = Network(tried.populations[: number + 1], within, (population.name,))
            fired = measure_float(part, split).spikes[population.name].mean() / population.size
            low, high = (middle, high) if fired / split.samples.steps < _RATE else (low, middle)
        network = scaled(network, population.name, 2.0**high)
    return network


def scaled(network: Network, target: str, factor: float) -> Network:
    """Return the network with the weights into one population multiplied."""

    def times(op: LinearOp) -> LinearOp:
        return replace(op, weight=op.weight * np.float32(factor)) if isinstance(op, Linear | Conv2d) else op

    projections = (
        replace(each, ops=tuple(times(op) for op in each.ops)) if each.target == target else each
        for each in network.projections
    )
    return Network(network.populations, tuple(projections), network.outputs)


def prepare(name: str, folder: Path) -> None:
    """Write ``model.nir`` and ``data.npz`` of a network to its folder."""
    subject = SUBJECTS[name]
    network = subject.build(np.random.default_rng(0))
    x = samples(subject, network)
    with Execution().applied():
        network = calibrated(network, split_of(subject, x[:CALIBRATION]))
        decided = measure_float(network, split_of(subject, x)).scores.argmax(axis=1)
    folder.mkdir(parents=True, exist_ok=True)
    parts = {"train": slice(0, TRAIN), "test": slice(TRAIN, None)}
    arrays = {
        f"{axis}_{part}": all_of[own] for part, own in parts.items() for axis, all_of in (("x", x), ("y", decided))
    }
    np.savez_compressed(folder / "data.npz", **arrays)
    save(folder / "model.nir", network, Semantics(1.0))


def arguments(name: str, chip: str, stage: str) -> tuple[str, ...]:
    """Return the arguments of a stage's command, which runs in the network's folder."""
    subject = SUBJECTS[name]
    data = ("--data", "data.npz", *(() if subject.events else ("--steps", str(subject.steps))))
    if stage == "inspect":
        return ("inspect", "model.nir", "--chip", chip, "--json")
    if stage == "run":
        return ("run", chip, *data, "--json")
    budget = ("--synops", BUDGET, "--effort", "quick", "--epochs", "10", "--allow-loss", "--backend", "emulator")
    return ("deploy", "model.nir", "--chip", chip, *data, *budget, "-o", chip, "--force", "--json")


def row(name: str, chip: str, stage: str, took: Took) -> dict[str, Any]:
    """Return what a stage took and came to."""
    asked = arguments(name, chip, stage)
    found: dict[str, Any] = {"network": name, "chip": chip, "stage": stage, "exit_code": took.exit_code}
    found |= {"seconds": round(took.seconds, 1), "of_a_core": round(took.of_a_core, 1)}
    found |= {"megabytes": round(took.megabytes), "command": f"spear-deploy {' '.join(asked)}"}
    told = json.loads(took.output) if took.output else {}
    findings = told.get("findings", told.get("notes", []))
    found["codes"] = sorted({each["code"] for each in findings if each["code"].startswith("E")})
    return found | OUTCOMES[stage](told)


def _inspected(told: Mapping[str, Any]) -> dict[str, Any]:
    placement = told.get("placement") or {}
    synapses = sum(each["synapses"] for each in told.get("populations", ()))
    return {"synapses": synapses, "cores": placement.get("cores"), "of_cores": placement.get("of_cores")}


def _deployed(told: Mapping[str, Any]) -> dict[str, Any]:
    if "budgets" not in told:
        return {}
    (synops,) = (each for each in told["budgets"] if each["resource"] == "synops")
    return {
        "synapses": sum(each["synapses"] for each in told["layers"]),
        "cores": sum(each["cores"] for each in told["layers"]),
        "synops": [told["synops"]["before"], told["synops"]["measured"]["mean"]],
        "budget": {key: synops[key] for key in ("limit", "judged", "measured", "within")},
        "decided_alike": told["fidelity"]["deployed"]["same_decisions"],
        "steps": {each["name"]: each["seconds"] for each in told["steps"]},
    }


def _ran(told: Mapping[str, Any]) -> dict[str, Any]:
    activity = told.get("activity", {})
    return {"synops": [None, sum(each["synops"] for each in activity.get("populations", ()))]}


OUTCOMES: Mapping[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = MappingProxyType(
    {"inspect": _inspected, "deploy": _deployed, "run": _ran}
)
"""What a stage's JSON document says, by stage."""


def run(names: Sequence[str], chips: Sequence[str], output: Path) -> None:
    """Run what is missing, and append each result as it comes."""
    for name in names:
        folder = output / "".join(c if c.isalnum() else "_" for c in name)
        for chip in chips:
            for stage in STAGES:
                done = {(e["network"], e["chip"], e["stage"]): e for e in known(RESULTS)}
                deployed = done.get((name, chip, "deploy"), {}).get("exit_code", 0) in (0, 4)
                if (name, chip, stage) in done or (stage == "run" and not deployed):
                    continue
                if not (folder / "model.nir").is_file():
                    prepare(name, folder)
                took = command_line(*arguments(name, chip, stage), folder=folder)
                (folder / f"{chip}-{stage}.log").write_text(took.errors)
                RESULTS.parent.mkdir(exist_ok=True)
                with RESULTS.open("a") as stream:
                    stream.write(json.dumps(row(name, chip, stage, took), sort_keys=True) + "\n")
                sys.stderr.write(f"{name} {chip} {stage}: exit code {took.exit_code}, {took.seconds:.0f} s\n")


def table(found: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the table: a line for each network and chip."""
    heads = ("network", "chip", "synapses", "cores", "`inspect`: s", "MB", "`deploy`: s", "MB", "SynOps")
    heads = (*heads, "of the unpruned", "verdict", "`run`: s", "MB")
    yield "| " + " | ".join(heads) + " |"
    yield "|" + "---|" * len(heads)
    for name in SUBJECTS:
        for chip in CHIPS:
            own = {e["stage"]: e for e in found if (e["network"], e["chip"]) == (name, chip)}
            if own:
                yield f"| {name} | [`{chip}`](chips/{chip}.md) | " + " | ".join(_cells(own)) + " |"


def _cells(own: Mapping[str, Mapping[str, Any]]) -> tuple[str, ...]:
    inspected, deployed, ran = (own.get(stage, {}) for stage in STAGES)
    synapses = f"{inspected['synapses'] / 1e6:,.1f} M" if inspected.get("synapses") else ""
    cores = f"{inspected['cores']:,} of {inspected['of_cores']:,}" if inspected.get("cores") else ""
    before, after = deployed.get("synops", (None, None))
    reached = (f"{before / 1e6:,.2f} M -> {after / 1e6:,.2f} M", percent(after / before)) if before else ("", "")
    return (synapses, cores, *_took(inspected), *_took(deployed), *reached, verdict(inspected, deployed), *_took(ran))


def _took(stage: Mapping[str, Any]) -> tuple[str, str]:
    return (f"{stage['of_a_core']:,.0f}", f"{stage['megabytes']:,}") if stage else ("", "")


def verdict(*stages: Mapping[str, Any]) -> str:
    """Return "within budget", "budget not met", or the codes that ended the first stage that did not go through."""
    for stage in stages:
        if stage.get("exit_code", 0) not in (0, 4):
            linked = (f"[{code}](reference/errors/{code}.md)" for code in stage["codes"])
            return f"exit code {stage['exit_code']}: {', '.join(linked)}"
    budget = stages[-1].get("budget")
    return "" if budget is None else "within budget" if budget["within"] else "budget not met"


def main() -> None:
    """Run what is missing, if a folder is given, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", choices=SUBJECTS, default=tuple(SUBJECTS))
    parser.add_argument("--chips", nargs="+", default=CHIPS)
    parser.add_argument("-o", "--output", type=Path, help="folder of networks and bundles; without it nothing is run")
    given = parser.parse_args()
    if given.output is not None:
        run(given.networks, given.chips, given.output)
    sys.stdout.write("\n".join(table(known(RESULTS))) + "\n")


if __name__ == "__main__":
    main()
