"""Operations, energy and time of a placed network, as they are counted here and as SANA-FE counts them.

The digits example on Loihi, a sample at a time.  SANA-FE (SLAM-Lab, 2.2.9) is under the GPL: it runs in a process of
its own that is given plain data (benchmarks/energy_peer.py), from a folder of its own, and nothing here imports it.
It simulates the neurons itself, so that its spikes are compared too.

    python -m benchmarks.energy --sanafe FOLDER

FOLDER is what ``pip install --target FOLDER sanafe==2.2.9`` filled; ``python -m tests.frameworks`` does.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import astuple, dataclass, replace
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks.one_file import example
from spear_deploy import lower
from spear_deploy.chips import EnergyRange, estimate
from spear_deploy.chips.figures import Sourced
from spear_deploy.chips.latency import CoreWork, LatencyRange, step_time
from spear_deploy.chips.profile import ChipProfile, EnergyTable, Picojoules
from spear_deploy.network.synapses import ConvSynapses
from spear_deploy.placement.load import CoreLoads, Load, arrived
from spear_deploy.targets import Lowered, load_chip
from spear_deploy.targets.loihi.emulator.event_table import matrix_of
from spear_deploy.targets.loihi.program import LoihiPopulation, LoihiProgram

SYNAPSE, ACCESS, UPDATE, SPIKE, MESSAGE = 35.5, 51.2, 21.6, 69.3, 111.0
"""Picojoules of SANA-FE's ``loihi.yaml`` (github.com/SLAM-Lab/SANA-FE @8951ab0); a hop within a tile costs nothing."""
_UNIT = 64
"""SANA-FE's membranes are multiples of 1/64: one of ours."""


@dataclass(frozen=True)
class Counts:
    """Operations of a sample, the chip's steps until the last spike has passed included."""

    synops: float
    updates: float
    spikes: float
    packets: float

    @property
    def terms(self) -> dict[str, float]:
        """Energy in joules by SANA-FE's constants and SANA-FE's parts."""
        soma = (ACCESS + UPDATE) * self.updates + SPIKE * self.spikes
        parts = {"synapse": SYNAPSE * self.synops, "soma": soma, "network": MESSAGE * self.packets}
        return {name: 1e-12 * energy for name, energy in parts.items()}


def table_of_sanafe(chip: ChipProfile) -> ChipProfile:
    """Return a chip with SANA-FE's constants as its energy table: a spike is one message."""

    def exactly(value: float) -> Picojoules:
        return Picojoules(low=Sourced(value, "SF"), high=Sourced(value, "SF"))

    figures = EnergyTable(
        synaptic_op=exactly(SYNAPSE), neuron_update=exactly(ACCESS + UPDATE), spike=exactly(SPIKE + MESSAGE)
    )
    return replace(chip, energy=figures)


def placed() -> tuple[Lowered, NDArray[Any]]:
    """Return the digits example on Loihi, and its test samples (T, B, *shape)."""
    imported, data = example("digits", Path(), Path())
    x, _ = data.test.batch(np.arange(8))
    return lower(imported, chip="loihi1", calibration=x), x


def job_of(lowered: Lowered, x: NDArray[Any]) -> dict[str, Any]:
    """Return a placed network and one sample (T, *shape) as SANA-FE's process is given them."""
    program = lowered.program
    assert isinstance(program, LoihiProgram)
    cores = {each.name: each.first_core for each in lowered.placement.populations}
    (port,) = program.inputs
    fed = port.encode(x).reshape(len(x), -1)
    spikes = {"spikes": [column.astype(int).tolist() for column in fed.T], "attributes": {}, "shared": {}}
    # What is fed in comes from the last core, so that no message leaves the tile.
    groups = [{"name": port.name, "size": fed.shape[1], "core": max(cores.values()), **spikes}]
    for each in program.populations:
        shared = {"reset_mode": "hard", "reset": 0.0, "input_decay": 0.0, "force_update": True}
        groups.append(
            {
                "name": each.name,
                "size": each.size,
                "core": cores[each.name],
                "attributes": _attributes(each),
                "shared": shared,
            }
        )
    steps = len(x) + max(each.depth for each in program.populations)
    return {"steps": steps, "groups": groups, "synapses": _synapses(program)}


def _attributes(neurons: LoihiPopulation) -> dict[str, list[float]]:
    """Return what each neuron is: instantaneous currents, decaying membranes, a reset to zero.

    A chip's step 0 is the first of the input; a layer's own comes later, and until then its bias would act.  It begins
    with the membrane from which that ends at 0.
    """
    assert neurons.kind == "lif"
    assert neurons.reset == "value"
    assert not neurons.reset_delay
    assert np.all(neurons.du == 4095)
    dv, vth, mantissa, exponent = (
        np.broadcast_to(values, neurons.shape).ravel().astype(np.int64)
        for values in (neurons.dv, neurons.vth, neurons.bias_mant, neurons.bias_exp)
    )
    kept, bias = 4096 - dv, mantissa << exponent
    start = np.zeros(neurons.size, np.int64)
    for _ in range(neurons.depth - 1):
        wanted = start - bias
        start = np.sign(wanted) * -(-abs(wanted) * 4096 // kept)
    start -= bias  # in its very first step SANA-FE decays nothing
    columns = {"threshold": vth, "leak_decay": kept / 4096, "bias": bias / _UNIT, "potential": start / _UNIT}
    return {name: column.astype(float).tolist() for name, column in columns.items()}


def _synapses(program: LoihiProgram) -> list[dict[str, Any]]:
    """Return every synapse that is not zero, by its ends."""
    shapes, found = program.shapes, []
    for projection in (each.as_one for each in program.projections):
        synapses = projection.synapses
        assert projection.delay == 0
        if isinstance(synapses, ConvSynapses):
            synapses = matrix_of(synapses, shapes[synapses.source], shapes[synapses.target])
        to, of = np.nonzero(synapses.weight)
        weights = synapses.weight[to, of].astype(float) * 2.0**projection.exponent
        ends = {"source": synapses.source, "target": synapses.target}
        found.append({**ends, "weights": weights.tolist(), "pairs": np.stack([of, to], axis=1).tolist()})
    return found


def counted(lowered: Lowered, x: NDArray[Any]) -> tuple[Counts, list[set[tuple[str, int]]], LatencyRange]:
    """Return the operations of one sample (T, *shape) as they are counted here, who fires in each step of the chip,
    and how long a step takes.

    It runs until the sample's last step has come to the last layer, and what other layers do meanwhile is counted.
    """
    program = lowered.program
    assert isinstance(program, LoihiProgram)
    depths = {each.name: each.depth for each in program.populations}
    steps = len(x) + max(depths.values())
    fed = np.concatenate([x, np.zeros((steps - len(x), *x.shape[1:]), x.dtype)])[:, None]
    sent = {
        name: values[: steps - depths.get(name, 0), 0].reshape(-1, prod(values.shape[2:]))
        for name, values in lowered.emulate(fed).spikes.items()
    }
    fired: list[set[tuple[str, int]]] = [set() for _ in range(steps)]
    for name, spikes in sent.items():
        for step, neuron in zip(*np.nonzero(spikes), strict=True):
            fired[depths.get(name, 0) + step].add((name, int(neuron)))
    synops = sum(float((sent[fan.source] != 0).sum(axis=0) @ fan.nonzero) for fan in program.fan_outs)
    cores = {each.name: each.cores for each in lowered.placement.populations}
    assert set(cores.values()) == {1}  # SANA-FE is given one core for a population
    loads = _loads(lowered, sent, steps)
    packets = float(loads.received.sum())
    spikes = sum(float(np.count_nonzero(sent[name])) for name in depths)
    updates = steps * sum(prod(each.shape) for each in program.populations)
    return Counts(synops, updates, spikes, packets), fired, _time(loads, steps)


def _loads(lowered: Lowered, sent: dict[str, NDArray[Any]], steps: int) -> CoreLoads:
    """Return what each core did, by who sent how many spikes in all."""
    program = lowered.program
    fired = {name: np.count_nonzero(spikes, axis=0).astype(np.int64) for name, spikes in sent.items()}
    at = {each.name: np.zeros(each.size, np.int64) for each in program.populations}
    for synapses in program.synapses:
        at[synapses.target] += arrived(synapses, program.shapes, fired[synapses.source])
    return Load(program.shapes, program.synapses, at, fired, steps).of(lowered.placement)


def _time(loads: CoreLoads, steps: int) -> LatencyRange:
    """Return the estimate of a step's time."""
    counts = (loads.synops / steps, loads.neurons.astype(float), loads.spikes / steps)
    found = step_time(load_chip("loihi1"), CoreWork(*counts, (loads.received + loads.sent) / steps))
    assert found is not None
    return found


def simulated(folder: Path, job: dict[str, Any]) -> dict[str, Any]:
    """Run SANA-FE, which lies in a folder, in a process of its own; return what it printed."""
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "job.json"
        path.write_text(json.dumps(job), encoding="utf-8")
        ran = subprocess.run(
            [sys.executable, str(Path(__file__).with_name("energy_peer.py")), str(path)],
            env={**os.environ, "PYTHONPATH": str(folder.resolve())},
            cwd=place,
            capture_output=True,
            text=True,
            check=True,
        )
    found: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    return found


@dataclass(frozen=True)
class Compared:
    """One sample: operations and energy (joules, by part) here and in SANA-FE, and whether all spikes are equal.

    ``estimates`` are the product's, low and high: with SANA-FE's constants as the chip's table, and with Loihi's own.
    ``seconds`` is SANA-FE's time by its simple model, ``latency`` the product's estimate of it, low and high.
    """

    ours: Counts
    theirs: Counts
    energy: dict[str, float]
    same_spikes: bool
    estimates: tuple[EnergyRange, EnergyRange]
    seconds: float
    latency: tuple[float, float]


def compared(folder: Path, lowered: Lowered, x: NDArray[Any]) -> Compared:
    """Hold one sample (T, *shape) against SANA-FE."""
    ours, fired, step = counted(lowered, x)
    found = simulated(folder, job_of(lowered, x))
    trace = [{(name, neuron) for name, neuron in step} for step in found["trace"]]
    # SANA-FE counts an input's spike as a neuron that is updated and fires, and takes no energy for it.
    fed = sum(name == "input" for step in trace for name, _ in step)
    updates, spikes = found["neurons_updated"] - fed, found["neurons_fired"] - fed
    theirs = Counts(found["spikes"], updates, spikes, found["packets_sent"])
    chip = load_chip("loihi1")
    operations = {"synops": ours.synops, "neuron_updates": ours.updates, "spikes": ours.spikes}
    low, high = (estimate(each, **operations) for each in (table_of_sanafe(chip), chip))
    assert low is not None
    assert high is not None
    latency = (len(fired) * step.low, len(fired) * step.high)
    return Compared(ours, theirs, found["energy"], trace == fired, (low, high), found["sim_time"], latency)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sanafe", type=Path, required=True)
    parser.add_argument("--samples", type=int, default=3)
    given = parser.parse_args()
    lowered, x = placed()
    titles = ("synops", "updates", "spikes", "messages", "synapse, uJ", "soma, uJ", "network, uJ", "all, uJ")
    table = Table("", *titles, box=None)
    for sample in range(given.samples):
        each = compared(given.sanafe, lowered, x[:, sample])
        verdict = f"SANA-FE, spikes {'equal' if each.same_spikes else 'differ'}"
        for name, counts, energy in (
            (f"sample {sample}, here", each.ours, each.ours.terms),
            (verdict, each.theirs, each.energy),
        ):
            parts = [energy[part] for part in each.ours.terms]
            figures = [f"{1e6 * value:.4f}" for value in (*parts, sum(parts))]
            table.add_row(name, *(f"{count:,.0f}" for count in astuple(counts)), *figures)
        for name, found in zip(("estimate, SANA-FE's table", "estimate, Loihi's"), each.estimates, strict=True):
            ends = dict.fromkeys(f"{1e6 * value:.4f}" for value in (found.low, found.high))
            table.add_row(name, *[""] * 7, " to ".join(ends))
        low, high = (1e6 * end for end in each.latency)
        table.add_row(
            f"time {1e6 * each.seconds:.0f} us in SANA-FE, estimate", *[""] * 7, f"{low:.0f} to {high:.0f} us"
        )
    Console(width=128).print(table)


if __name__ == "__main__":
    main()
