"""Runs a program from file to file, in the process that Lava's processes are forked from.

Imports Lava: only for processes in which :func:`spear_deploy_lava.compat.import_lava` was called.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from spear_deploy_lava import layout
from spear_deploy_lava.inputs import Inputs
from spear_deploy_lava.job import Job
from spear_deploy_lava.network import Network, build
from spear_deploy_lava.output import run_attributes, write_output
from spear_deploy_lava.program import Program, read_inputs, read_program
from spear_deploy_lava.runtime import advance, start

State = tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]


def simulate(job: Job, clock: npt.NDArray[np.int64]) -> None:
    """Run ``job`` and write its output file.

    ``clock`` is in shared memory: the steps done, and the steps to do.  The Lava processes are not
    stopped afterwards: ``stop`` hangs if one of them has died.  They end with this process.

    Raises :class:`~spear_deploy_lava.errors.BadInputError` and :class:`~spear_deploy_lava.runtime.ModelError`.
    """
    started = time.perf_counter()
    program = read_program(Path(job.network))
    inputs = read_inputs(Path(job.input), program)
    clock[1] = steps = inputs.samples * inputs.steps + program.depth
    network = build(program, inputs, clock)
    start(network.anchor)
    running = time.perf_counter()
    states = _run(network, program, inputs, job.final_state)
    seconds_run = time.perf_counter() - running
    attributes = run_attributes(steps, time.perf_counter() - started, seconds_run)
    write_output(Path(job.output), _groups(program, inputs, network.records, states), attributes)


def _run(network: Network, program: Program, inputs: Inputs, final_state: bool) -> dict[str, State]:
    """Run all steps; pause after the last local step of each level where the final state is wanted."""
    last_step = inputs.samples * inputs.steps
    levels = {population.level for population in program.populations.values() if population.kind != "input"}
    states: dict[str, State] = {}
    done = 0
    for level in sorted(levels) if final_state else [program.depth]:
        advance(network.anchor, last_step + level - done)
        done = last_step + level
        if final_state:
            for name, process in network.neurons.items():
                if program.populations[name].level == level:
                    states[name] = (_flat_state(process.u), _flat_state(process.v))
    return states


def _flat_state(variable: Any) -> npt.NDArray[np.int32]:
    return layout.flat(np.asarray(variable.get())).astype(np.int32)


def _groups(
    program: Program, inputs: Inputs, records: Mapping[str, npt.NDArray[Any]], states: Mapping[str, State]
) -> dict[str, dict[str, npt.NDArray[Any]]]:
    """Return what is written: the data sets of each group."""
    groups: dict[str, dict[str, npt.NDArray[Any]]] = {"spikes": {}, "potentials": {}}
    of_kind = {"lif": groups["spikes"], "readout": groups["potentials"]}
    for name, record in records.items():
        of_kind[program.populations[name].kind][name] = record.reshape(inputs.samples, inputs.steps, -1)
    for name, (u, v) in states.items():
        groups[f"final/{name}"] = {"u": u, "v": v}
    return groups
