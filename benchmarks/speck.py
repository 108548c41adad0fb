"""How fast Speck's event emulator is, beside the same integers handled by a queue in Python and numpy.

Both run the NIR paper's N-MNIST network on recordings of the test set, event after event in the order recorded, one
after the other on one core; every spike count of theirs is compared.  Seconds are of the processor, the least of some
runs for the emulator.

    python -m benchmarks.speck --data-dir DATA --network-dir NETWORKS --reference SCRIPTS

DATA holds ``nmnist-small``, NETWORKS ``nmnist_scnn.nir``, SCRIPTS ``event.py`` with its class Chip and ``nmnist.py``
with its function program, the emulator in plain Python.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from spear_deploy import load, lower
from spear_deploy.targets.speck.emulator.events import EventEmulator
from spear_deploy.targets.speck.program import SpeckProgram

RUNS = 5


def timed(run: Callable[[], Any]) -> tuple[float, Any]:
    """Return the processor's seconds of a run, and what it returned."""
    started = time.process_time()
    found = run()
    return time.process_time() - started, found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--network-dir", type=Path, required=True)
    parser.add_argument("--reference", type=Path, required=True)
    parser.add_argument("--samples", type=int, default=4)
    given = parser.parse_args()
    path = given.network_dir / "nmnist_scnn.nir"
    program = lower(load(path, "sinabs", floor=-1.0), chip="speck2f").program
    assert isinstance(program, SpeckProgram)
    sys.path.insert(0, str(given.reference))
    chip = importlib.import_module("event").Chip(importlib.import_module("nmnist").program(str(path)))
    with np.load(given.data_dir / "nmnist-small" / "nmnist_small_events.npz") as file:
        data = dict(file)
    emulator = EventEmulator(program)
    table = Table("events", "SynOps", "plain, s", "emulator, ms", "times as fast", "spike counts", box=None)
    total = np.zeros(2)
    for sample in np.flatnonzero(data["is_test"])[: given.samples]:
        some = slice(*data["offsets"][sample : sample + 2])
        cells = np.stack([data[name][some].astype(np.int64) for name in "pyx"], axis=1)
        emulator.run_stream(cells)  # compiles
        runs = [timed(lambda cells=cells: emulator.run_stream(cells)) for _ in range(RUNS)]  # type: ignore[misc]
        ours, spikes = min(seconds for seconds, _ in runs), runs[0][1]
        plain, (wanted, synops) = timed(lambda cells=cells: chip.run(cells.tolist()))  # type: ignore[misc]
        total += plain, ours
        same = all(
            np.array_equal(spikes[layer.name].ravel(), each.ravel())
            for layer, each in zip(program.populations, wanted, strict=True)
        )
        figures = (f"{len(cells):,}", f"{synops:,}", f"{plain:.2f}", f"{1e3 * ours:.2f}", f"{plain / ours:.0f}")
        table.add_row(*figures, "equal" if same else "differ")
    Console(width=120).print(table)
    Console(width=120).print(f"all samples together: {total[0] / total[1]:.0f} times as fast")


if __name__ == "__main__":
    main()
