"""Starts, runs and ends a network of Lava processes.

Imports Lava: only for processes in which :func:`spear_deploy_lava.compat.import_lava` was called.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Iterable
from typing import Any

from lava.magma.core.process.process import AbstractProcess, ProcessServer
from lava.magma.core.process.variable import VarServer
from lava.magma.core.run_conditions import RunSteps
from lava.magma.core.run_configs import Loihi2SimCfg

_POLL = 0.01
"""Seconds between two looks at a running network."""


class ModelError(RuntimeError):
    """A Lava process raised an exception; the message holds its traceback."""


def start(anchor: AbstractProcess) -> None:
    """Compile the network that ``anchor`` belongs to, and fork its processes."""
    anchor.create_runtime(Loihi2SimCfg(select_tag="fixed_pt"))


def advance(anchor: AbstractProcess, steps: int) -> None:
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


def stop(anchor: AbstractProcess) -> None:
    """End the network's processes and wait for them, to make room for another network.

    Only after an :func:`advance` that raised nothing: ``stop`` of Lava hangs where one of the processes has died.
    If one dies just now, the supervisor finds it.
    """
    anchor.stop()
    # Lava keeps every process and variable that was ever constructed, with its data.
    ProcessServer().processes.clear()
    VarServer().vars.clear()
    gc.collect()  # they refer to one another


def _raise_first(actors: Iterable[Any]) -> None:
    for actor in actors:
        if actor.exception:
            raise ModelError(actor.exception[1])
