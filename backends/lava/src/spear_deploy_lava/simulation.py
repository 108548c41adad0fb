"""Runs a program from file to file, in the process that Lava's processes are forked from.

Imports Lava: only for processes in which :func:`spear_deploy_lava.compat.import_lava` was called.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt
from lava.magma.core.process.process import AbstractProcess
from lava.magma.core.run_conditions import RunSteps
from lava.magma.core.run_configs import Loihi2SimCfg

from spear_deploy_lava import layout
from spear_deploy_lava.job import Job
from spear_deploy_lava.network import Network, build
from spear_deploy_lava.program import Inputs, Program, read_inputs, read_program

_POLL = 0.01
"""Seconds between two looks at a running network."""

State = tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]


class ModelError(RuntimeError):
    """A Lava process raised an exception; the message holds its traceback."""


def simulate(job: Job, clock: npt.NDArray[np.int64]) -> None:
    """Run ``job`` and write its output file.

    ``clock`` is in shared memory: the steps done, and the steps to do.  The Lava processes are not
    stopped afterwards: ``stop`` hangs if one of them has died.  They end with this process.

    Raises :class:`~spear_deploy_lava.errors.BadInputError` and :class:`ModelError`.
    """
    started = time.perf_counter()
    program = read_program(Path(job.program))
    inputs = read_inputs(Path(job.input), program)
    clock[1] = steps = inputs.samples * inputs.steps + program.depth
    network = build(program, inputs, clock)
    network.anchor.create_runtime(Loihi2SimCfg(select_tag="fixed_pt"))
    running = time.perf_counter()
    states = _run(network, program, inputs, job.final_state)
    finished = time.perf_counter()
    attributes = {
        "seconds_total": finished - started,
        "seconds_run": finished - running,
        "steps": steps,
        "lava_version": version("lava-nc"),
        "python_version": platform.python_version(),
        "numpy_version": np.__version__,
    }
    _write(Path(job.output), program, inputs, network.records, states, attributes)


def _run(network: Network, program: Program, inputs: Inputs, final_state: bool) -> dict[str, State]:
    """Run all steps; pause after the last local step of each level where the final state is wanted."""
    last_step = inputs.samples * inputs.steps
    levels = {population.level for population in program.populations.values() if population.kind != "input"}
    states: dict[str, State] = {}
    done = 0
    for level in sorted(levels) if final_state else [program.depth]:
        _advance(network.anchor, last_step + level - done)
        done = last_step + level
        if final_state:
            for name, process in network.neurons.items():
                if program.populations[name].level == level:
                    states[name] = (_flat_state(process.u), _flat_state(process.v))
    return states


def _advance(anchor: AbstractProcess, steps: int) -> None:
    """Run some steps; raise what a Lava process raises, for which Lava itself would mostly wait forever."""
    runtime = anchor.runtime
    actors = runtime._messaging_infrastructure.actors
    anchor.run(condition=RunSteps(num_steps=steps, blocking=False))
    while not all(port.probe() for port in runtime.service_to_runtime):
        _raise_first(actors)
        time.sleep(_POLL)
    try:
        anchor.wait()
    except RuntimeError:
        _raise_first(actors)  # Lava's own message is only "1 Exception(s) occurred"
        raise


def _raise_first(actors: Iterable[Any]) -> None:
    for actor in actors:
        if actor.exception:
            raise ModelError(actor.exception[1])


def _flat_state(variable: Any) -> npt.NDArray[np.int32]:
    return layout.flat(np.asarray(variable.get())).astype(np.int32)


def _write(
    path: Path,
    program: Program,
    inputs: Inputs,
    records: Mapping[str, npt.NDArray[Any]],
    states: Mapping[str, State],
    attributes: Mapping[str, Any],
) -> None:
    temporary = path.with_name(path.name + ".part")
    try:
        with h5py.File(temporary, "w") as file:
            file.attrs.update(attributes)
            groups = {"lif": file.create_group("spikes"), "readout": file.create_group("potentials")}
            for name, record in records.items():
                group = groups[program.populations[name].kind]
                group[name] = record.reshape(inputs.samples, inputs.steps, -1)
            for name, (u, v) in states.items():
                file[f"final/{name}/u"] = u
                file[f"final/{name}/v"] = v
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
