"""The Xylo emulator beside xylosim: speed at equal recording, and random programs compared value by value.

Run from the root of the repository, with the backend installed (spear-deploy backend install xylo)::

    python -m benchmarks.xylo --programs 400

Speed is that of a recurrent 12-38-7 network over 256 steps, of 140 samples at a time, on one core: sample-steps a
second with the spikes of all neurons recorded, and with currents and membranes too.  xylosim's own time is taken, in
its process, without reading files and building the layer.
"""

from __future__ import annotations

import argparse
import subprocess
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import h5py
import numpy as np

from spear_deploy.network.synapses import DenseSynapses
from spear_deploy.targets.ports import InputPort
from spear_deploy.targets.xylo.core import Core, run_core
from spear_deploy.targets.xylo.emulator import chip_input
from spear_deploy.targets.xylo.program import Shifts, XyloPopulation, XyloProgram
from tests.backends.xylo_runs import files, mismatches

INPUTS, HIDDEN, OUTPUTS, STEPS, SAMPLES = 12, 38, 7, 256, 140
REPEATS = 5
THRESHOLDS = {"quiet": 1500, "busy": 400}


def recurrent_program(threshold: int) -> XyloProgram:
    rng = np.random.default_rng(0)

    def population(name: str, size: int, depth: int, *registers: int) -> XyloPopulation:
        arrays = (np.full(size, value, np.int32) for value in registers)
        return XyloPopulation(name, (size,), depth == 1, depth, np.ones(size), *arrays)

    def synapses(source: str, target: str, rows: int, columns: int, largest: int) -> DenseSynapses:
        weight = rng.integers(-largest, largest + 1, (rows, columns)).astype(np.int32)
        return DenseSynapses(f"{source}-{target}", source, target, weight)

    hidden = population("hidden", HIDDEN, 0, 2, 3, threshold, 0)
    out = population("out", OUTPUTS, 1, 1, 2, 1500, 0)
    joined = (
        synapses("input", "hidden", HIDDEN, INPUTS, 127),
        synapses("hidden", "hidden", HIDDEN, HIDDEN, 40),
        synapses("hidden", "out", OUTPUTS, HIDDEN, 127),
    )
    return XyloProgram("", (InputPort("input", (INPUTS,), 15),), (hidden, out), joined, Shifts(), ("out",))


def emulated(program: XyloProgram, x: np.ndarray, *, states: bool) -> tuple[float, float]:
    """Return sample-steps a second, the best of some runs, and spikes of a hidden neuron in a step."""
    core, fed = Core.of(program), chip_input(program, {"input": x})
    seconds = []
    for _ in range(REPEATS + 1):
        started = time.perf_counter()
        run = run_core(core, fed, states=states)
        seconds.append(time.perf_counter() - started)
    return STEPS * SAMPLES / min(seconds[1:]), float(run.spikes[..., :HIDDEN].mean())


def simulated(program: XyloProgram, x: np.ndarray, *, states: bool) -> float:
    """Return xylosim's sample-steps a second, the best of some runs."""
    seconds = []
    with TemporaryDirectory() as folder:
        command = [*files(Path(folder), program, x), *(["--states"] if states else [])]
        for _ in range(REPEATS):
            subprocess.run(command, check=True, capture_output=True)
            with h5py.File(Path(folder, "output.h5"), "r") as file:
                seconds.append(float(file.attrs["seconds_run"]))
    return STEPS * SAMPLES / min(seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--programs", type=int, default=0, help="random programs to compare; default: none")
    given = parser.parse_args()
    x = (np.random.default_rng(1).random((STEPS, SAMPLES, INPUTS)) < 0.25).astype(np.uint8)
    for name, threshold in THRESHOLDS.items():
        program = recurrent_program(threshold)
        for states in (False, True):
            ours, rate = emulated(program, x, states=states)
            theirs = simulated(program, x, states=states)
            recorded = "spikes and states" if states else "spikes"
            print(
                f"{name} ({rate:.4f} spikes a hidden neuron and step), {recorded}: emulator {ours:,.0f}, "
                f"xylosim {theirs:,.0f} sample-steps/s, x {ours / theirs:.1f}"
            )
    differing = compared = 0
    for seed in range(given.programs):
        with TemporaryDirectory() as folder:
            found = mismatches(seed, Path(folder), steps=100)
        differing, compared = differing + found[0], compared + found[1]
    if given.programs:
        print(f"{given.programs} random programs: {compared:,} values compared, {differing:,} differ")


if __name__ == "__main__":
    main()
