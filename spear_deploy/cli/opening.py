"""Open what ``run`` and ``validate`` take, by suffix: bundles, and files whose integers already are a program."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from spear_deploy.cli.options import refuse_no_data
from spear_deploy.cli.sigma_delta import CHIP, refuse_transform
from spear_deploy.errors import Finding

if TYPE_CHECKING:
    from spear_deploy.data import DataOptions, Split
    from spear_deploy.execution import Execution
    from spear_deploy.measure.activity import Activity
    from spear_deploy.progress import Tick
    from spear_deploy.targets import Program


class Measure(Protocol):
    """Runs a program on the emulator."""

    def __call__(
        self, program: Program, split: Split, execution: Execution, *, tick: Tick, decide: str
    ) -> tuple[Activity, Sequence[Finding]]:
        """Return what it did on a split, and what is to be noted of that."""


@dataclass(frozen=True, eq=False)
class Opened:
    """A program with its own samples ``x`` (N, T, *shape) and ``y`` (N,), of which a file has none.

    ``decide`` is the rule that it was made with; None: the output's usual one.  ``measure`` runs it on the emulator.
    """

    program: Program
    x: NDArray[Any]
    y: NDArray[np.int64]
    decide: str | None
    measure: Measure


def open_program(path: Path, name: str | None, options: DataOptions) -> Opened:
    """Open a program to run; ``name`` is that of the data, None if there are none.

    Raises :class:`InputError`: as :func:`read_bundle` does for a bundle, as :func:`load_sigma_delta` does for a file of
    sigma-delta neurons, and for that E005 without data, E016 for data that are to be transformed.
    """
    return _OPENERS.get(path.suffix, _bundle)(path, name, options)


def _bundle(path: Path, name: str | None, options: DataOptions) -> Opened:
    from spear_deploy.deployment.bundle import read_bundle

    bundle = read_bundle(path)
    return Opened(bundle.program, bundle.x, bundle.y, bundle.decide, _measured)


def _sigma_delta(path: Path, name: str | None, options: DataOptions) -> Opened:
    from spear_deploy.api.sigma_delta import load_sigma_delta

    program = load_sigma_delta(path, CHIP).program
    refuse_no_data(name)
    refuse_transform(options)
    (port,) = program.inputs
    decide = "last" if any(each.is_readout for each in program.populations) else "count"
    nothing = np.zeros((0, 1, *port.shape), np.int32), np.zeros(0, np.int64)
    return Opened(program, *nothing, decide, _measured_with_registers)


_OPENERS: Mapping[str, Callable[[Path, str | None, Any], Opened]] = MappingProxyType({".net": _sigma_delta})
"""Of files, by suffix; whatever else there is is the folder of a bundle."""


def _measured(
    program: Program, split: Split, execution: Execution, *, tick: Tick, decide: str
) -> tuple[Activity, Sequence[Finding]]:
    from spear_deploy.measure.runs import measure_program

    return measure_program(program, split, execution, tick=tick, decide=decide), ()


def _measured_with_registers(
    program: Program, split: Split, execution: Execution, *, tick: Tick, decide: str
) -> tuple[Activity, Sequence[Finding]]:
    """Return notes on registers that are too narrow, which nothing has checked when the file was made."""
    from spear_deploy.measure.runs import measure_registers
    from spear_deploy.report.sigma_delta import register_notes

    activity, clips = measure_registers(program, split, execution, tick=tick, decide=decide)
    return activity, register_notes(clips)
