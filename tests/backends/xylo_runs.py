"""Runs of xylosim by the backend's own command, from file to file, beside the emulator's."""

from __future__ import annotations

import subprocess
from pathlib import Path

import h5py
import numpy as np

from spear_deploy.backends.xylo import ENVIRONMENT
from spear_deploy.targets.xylo.core import Core, run_core
from spear_deploy.targets.xylo.emulator import XyloEmulator, chip_input
from spear_deploy.targets.xylo.program import XyloProgram
from spear_deploy.targets.xylo.program_file import write_program
from tests.targets.xylo.programs import random_events, random_program


def files(folder: Path, program: XyloProgram, x: np.ndarray) -> list[str]:
    """Write a program and events (steps, samples, channels); return the command that runs them."""
    write_program(folder / "program.h5", program)
    with h5py.File(folder / "input.h5", "w") as file:
        file["x/input"] = np.moveaxis(x, 0, 1)
    paths = [part for name in ("program", "input", "output") for part in (f"--{name}", str(folder / f"{name}.h5"))]
    return [*ENVIRONMENT.command(), "run", *paths]


def mismatches(seed: int, folder: Path, steps: int = 60, samples: int = 2) -> tuple[int, int]:
    """Return how many spikes, currents and membranes of a random program differ, and how many were compared."""
    program = random_program(seed)
    x = random_events(program, steps, samples, seed)
    ran = subprocess.run([*files(folder, program, x), "--states"], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    core = Core.of(program)
    chip = run_core(core, chip_input(program, {"input": x}), states=True)
    aligned = XyloEmulator(program).run({"input": x})
    differing = compared = 0
    with h5py.File(folder / "output.h5", "r") as file:
        for name, part in core.neurons.items():
            pairs = [(aligned.spikes[name], file[f"spikes/{name}"])]
            pairs += [(chip.currents[..., part], file[f"states/{name}/i"])]
            pairs += [(chip.membranes[..., part], file[f"states/{name}/v"])]
            for ours, theirs in pairs:
                differing += int(np.count_nonzero(np.moveaxis(ours, 0, 1) != theirs[()]))
                compared += ours.size
    return differing, compared
