"""A run of a program on samples: every population's spikes, and what they add up to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from spear_deploy.backends.lava import LavaRecord, run_lava
from spear_deploy.measure.activity import Activity, Tally
from spear_deploy.measure.synops import fan_outs
from spear_deploy.progress import Tick
from spear_deploy.storage import atomic
from spear_deploy.targets.loihi.emulator.emulator import Emulator
from spear_deploy.targets.loihi.program import ChipProgram


@dataclass(frozen=True, eq=False)
class RunRecord:
    """``rasters``: (N, T, *shape) of every population: payloads of the input, spikes, membranes of readouts."""

    rasters: Mapping[str, NDArray[Any]]
    readouts: frozenset[str]
    activity: Activity
    seconds: float


def record_run(
    program: ChipProgram,
    file: Path,
    x: NDArray[Any],
    y: NDArray[np.int64],
    backend: str,
    timeout: float | None = None,
    tick: Tick | None = None,
) -> RunRecord:
    """Run payloads ``x`` (N, T, *shape) with labels ``y`` on ``emulator`` or ``lava``.

    Raises :class:`BackendError`: E060 (not installed), E061 (failed), E062 (timed out).
    """
    (port,) = program.inputs
    if backend == "lava":
        record = run_lava(file, {port.name: x}, timeout=timeout, progress=tick)
        rasters, seconds = _unpacked(program, record), record.seconds_total
    else:
        recording = Emulator(program).run({port.name: np.moveaxis(x, 1, 0)})
        both = {**recording.spikes, **recording.potentials}
        rasters, seconds = {name: np.moveaxis(raster, 0, 1) for name, raster in both.items()}, 0.0
    rasters = {port.name: x, **rasters}
    readouts = frozenset(p.name for p in program.populations if p.kind == "readout")
    return RunRecord(rasters, readouts, _activity(program, rasters, readouts, y), seconds)


def write_record(path: Path, record: RunRecord) -> None:
    """Write /spikes/POPULATION and /potentials/POPULATION, (N, T, *shape), atomically."""
    with atomic(path) as temporary, h5py.File(temporary, "w") as file:
        for name, raster in record.rasters.items():
            kind = "potentials" if name in record.readouts else "spikes"
            file.create_dataset(f"{kind}/{name}", data=raster, compression="gzip")
        file.create_dataset("labels", data=record.activity.labels)


def _unpacked(program: ChipProgram, record: LavaRecord) -> dict[str, NDArray[Any]]:
    rasters: dict[str, NDArray[Any]] = {}
    for population in program.populations:
        raster: NDArray[Any]
        if population.kind == "readout":
            raster = record.potentials[population.name]
        else:
            raster = np.unpackbits(record.spikes[population.name], axis=-1, count=population.size)
        rasters[population.name] = raster.reshape(*raster.shape[:2], *population.shape)
    return rasters


def _activity(
    program: ChipProgram, rasters: Mapping[str, NDArray[Any]], readouts: frozenset[str], y: NDArray[np.int64]
) -> Activity:
    time_first = {name: np.moveaxis(raster, 1, 0) for name, raster in rasters.items()}
    tally = Tally(fan_outs(program.synapses, program.shapes), program.outputs[0])
    spikes = {name: raster for name, raster in time_first.items() if name not in readouts}
    tally.add(spikes, time_first[tally.output], y)
    return tally.activity()
