"""Runs a program from file to file, in a process that may crash.  Imports xylosim."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from spear_deploy_xylo.layer import build
from spear_deploy_xylo.program import IntArray, Program, read_inputs, read_program
from spear_deploy_xylo.supervisor import Job

Trace = npt.NDArray[Any]


def simulate(job: Job, progress: Callable[[int, int], None]) -> None:
    """Run a job and write its output file; raises :class:`~spear_deploy_xylo.errors.BadInputError`."""
    started = time.perf_counter()
    loaded = read_program(Path(job.program))
    events = read_inputs(Path(job.input), loaded)
    built = build(loaded)
    running = time.perf_counter()
    samples = []
    for done, sample in enumerate(events, start=1):
        samples.append(_run(built.layer, loaded, sample, job.states))
        progress(done, len(events))
    attributes = {
        "seconds_total": time.perf_counter() - started,
        "seconds_run": time.perf_counter() - running,
        "steps": len(events) * (events.shape[1] + loaded.lag),
        "xylosim_version": version("xylosim"),
        "python_version": platform.python_version(),
        "numpy_version": np.__version__,
    }
    recorded = {name: np.stack([sample[name] for sample in samples]) for name in samples[0]}
    _write(Path(job.output), recorded, attributes)


def _run(layer: Any, program: Program, events: IntArray, states: bool) -> dict[str, Trace]:
    """Run one sample from rest; return what is written of it, by the name of its data set."""
    padded = np.concatenate([events, np.zeros((program.lag, events.shape[1]), events.dtype)])
    layer.reset_all()
    layer.evolve(padded.tolist())
    spikes = _parts(program, np.array(layer.rec_recurrent_spikes), np.array(layer.rec_out_spikes))
    found = {}
    for population in program.populations:
        own = spikes[population.name][population.depth : population.depth + len(events)]
        found[f"spikes/{population.name}"] = own.astype(np.uint8)
    records = {"i": ("rec_i_syn", "rec_i_syn_out"), "v": ("rec_v_mem", "rec_v_mem_out")}
    for key, names in records.items() if states else ():
        hidden, out = (np.array(getattr(layer, name)).T for name in names)  # they are [neuron][time]
        found |= {f"states/{name}/{key}": own.astype(np.int16) for name, own in _parts(program, hidden, out).items()}
    return found


def _parts(program: Program, hidden: Trace, out: Trace) -> dict[str, Trace]:
    """Return the columns of each population, (chip steps, neurons)."""
    found = {}
    for populations, trace in ((program.hidden, hidden), (program.outputs, out)):
        start = 0
        for population in populations:
            found[population.name] = trace[:, start : start + population.size]
            start += population.size
    return found


def _write(path: Path, datasets: Mapping[str, Trace], attributes: Mapping[str, Any]) -> None:
    """Write the output; the file appears at ``path`` when it is complete."""
    temporary = path.with_name(path.name + ".part")
    try:
        with h5py.File(temporary, "w") as file:
            file.attrs.update(attributes)
            file.update(datasets)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
