"""Prove a program on a backend: the same samples on it and on the emulator, compared spike by spike."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spear_deploy.measure.activity import Activity
from spear_deploy.progress import Tick
from spear_deploy.targets.loihi.program import ChipProgram
from spear_deploy.validate.crosscheck import Validation, cross_check
from spear_deploy.validate.record import record_run


@dataclass(frozen=True, eq=False)
class BackendRun:
    """A backend's verdict, the activity counted from the spikes that it recorded, and its seconds."""

    validation: Validation
    activity: Activity
    seconds: float


def validate_on_lava(
    program: ChipProgram,
    file: Path,
    x: NDArray[Any],
    y: NDArray[np.int64],
    *,
    timeout: float | None = None,
    tick: Tick | None = None,
) -> BackendRun:
    """Run payloads ``x`` (N, T, *shape) on Lava and on the emulator.

    Raises :class:`BackendError`: E060 (not installed), E061 (failed), E062 (timed out).
    """
    theirs = record_run(program, file, x, y, "lava", timeout, tick)
    ours = record_run(program, file, x, y, "emulator")
    return BackendRun(cross_check(program, ours.rasters, theirs.rasters, "lava"), theirs.activity, theirs.seconds)
