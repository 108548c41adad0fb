"""Options that several commands share, and how they become objects."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import isfinite, prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from spear_deploy.decision import RULES
from spear_deploy.errors import InputError
from spear_deploy.frontends.semantics import PRESETS

if TYPE_CHECKING:
    from spear_deploy.data import DataOptions, Dataset
    from spear_deploy.frontends import Semantics
    from spear_deploy.targets import Program

Command = TypeVar("Command", bound=Callable[..., Any])


class Finite(click.FloatRange):
    """A range of numbers without infinity and NaN, which is in every range of click's."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return a number of the range; fail for any other."""
        number = super().convert(value, param, ctx)
        return number if isfinite(number) else self.fail(f"{value} is not a finite number.", param, ctx)


SEMANTICS_OPTIONS = (
    click.option(
        "--semantics",
        metavar="PRESET|FILE.toml",
        help=f"How the file's neurons compute: {', '.join(PRESETS)}, or a TOML file.",
    ),
    click.option("--dt", type=float, help="Time step, in the unit of the file's time constants."),
    click.option("--reset", type=click.Choice(["value", "zero", "subtract"]), help="Override the preset's reset."),
    click.option("--reset-delay/--no-reset-delay", default=None, help="Override whether the reset acts one step late."),
    click.option("--compare", type=click.Choice(["gt", "ge"]), help="Override: fire at v > or >= threshold."),
    click.option("--spikes", type=click.Choice(["binary", "integer"]), help="Override: one or several spikes a step."),
    click.option("--floor", type=float, help="Lowest value of the membrane (sinabs' min_v_mem)."),
    click.option(
        "--start", type=click.Choice(["reset", "leak"]), help="Override: the membrane starts at v_leak or not."
    ),
)
"""How a NIR file is to be read."""

DATA_OPTIONS = (
    click.option(
        "--data",
        metavar="NAME|PATH|FILE.py:NAME",
        help="digits, fashion-mnist, nmnist-small, aeon:SET, an .npz file, an .h5 file of SHD or a folder of such, "
        "a folder of images or event files by class, or FILE.py:NAME or MODULE:NAME that returns arrays or a torch "
        "Dataset: this runs the code, in a process of its own with a time limit.",
    ),
    click.option("--data-dir", type=click.Path(path_type=Path), help="Folder of the named data sets."),
    click.option("--steps", type=click.IntRange(1, 100_000), help="Time steps to code values over."),
    click.option("--encoding", type=click.Choice(["constant", "rate"]), help="How to code values as input."),
    click.option("--bin-ms", type=Finite(min=0, min_open=True), help="Width of the bins of event data, in ms."),
    click.option("--bin-events", type=click.IntRange(1), help="Events a bin, in place of its width."),
    click.option("--sensor", metavar="W,H", help="Size of the sensor, if files lack it. [default: 34,34; .h5: 700,1]"),
    click.option("--crop", type=click.IntRange(1), help="Side of the square to keep at the sensor's centre."),
    click.option("--downsample", type=click.IntRange(1), help="Pixels along each axis to join into one, after --crop."),
    click.option(
        "--normalise",
        metavar="MEAN,STD",
        help="Mean and deviation that training normalised inputs with, or by channel M1,M2,M3/S1,S2,S3; folded into "
        "the first layer, so that the chip is fed raw values of 0 and above.",
    ),
    click.option(
        "--input-scale",
        metavar="FACTOR",
        help="Factor that training multiplied inputs by, such as 1/255; folded into the first layer too.",
    ),
)
"""What data to use and how to code it."""

DECISION_OPTIONS = (
    click.option(
        "--decide",
        type=click.Choice([*RULES]),
        help="How a class is read: most spikes (count) or the first spike; of a readout's membrane the sum over the "
        "steps, the last or the largest value. [default: count, or sum for a readout]",
    ),
)
"""How decisions are made."""

WEIGHT_BITS_OPTION = click.option(
    "--weight-bits", type=click.IntRange(1), help="Bits of a weight. [default: what the chip has]"
)
"""How finely a chip's integers round weights."""

BACKEND_OPTIONS = (
    click.option("--timeout", type=Finite(min=0, min_open=True), help="Time limit of the backend, in seconds."),
    click.option(
        "--jobs",
        type=click.IntRange(1),
        default=1,
        show_default=True,
        help="Processes that share a sweep's points or a backend's samples; no result depends on them.",
    ),
)
"""How a backend is run."""


def with_options(*groups: Sequence[Callable[[Command], Command]]) -> Callable[[Command], Command]:
    """Add groups of options to a command, in their order."""

    def decorate(command: Command) -> Command:
        for option in reversed([option for group in groups for option in group]):
            command = option(command)
        return command

    return decorate


class NameIn(click.ParamType[str]):
    """A name of a table, which is asked when the option is: tables may grow at run time.

    ``names`` returns what is allowed.
    """

    name = "name"

    def __init__(self, names: Callable[[], Sequence[str]]) -> None:
        self._names = names

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """Return the names for the line of help."""
        return f"[{'|'.join(self._names())}]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return a name; fail for any other, with all that there are."""
        if value in self._names():
            return str(value)
        return self.fail(f"{value!r} is not one of {', '.join(self._names())}.", param, ctx)


def take_semantics(options: dict[str, Any]) -> tuple[Semantics | None, dict[str, Any]]:
    """Take the semantics options out of ``options``: the preset or file (None if absent), and the overrides.

    Raises :class:`InputError` (E001, E008).
    """
    from spear_deploy.frontends.semantics import resolve_semantics

    name = options.pop("semantics")
    fields = ("dt", "reset", "reset_delay", "compare", "spikes", "floor", "start")
    overrides = {key: options.pop(key) for key in fields}
    overrides = {key: value for key, value in overrides.items() if value is not None}
    return None if name is None else resolve_semantics(name), overrides


def refuse_no_data(data: str | None) -> str:
    """Return the value of --data; raise :class:`InputError` (E005) if it is missing."""
    if data is None:
        forms = "a name, an .npz or .h5 file, a folder of images or event files, aeon:SET, FILE.py:NAME or MODULE:NAME"
        raise InputError.of("E005", "--data", "is missing", f"give one of: {forms}")
    return data


def resolve_data(options: dict[str, Any], seed: int = 0) -> tuple[str | None, DataOptions]:
    """Take the data options out of ``options``; raise :class:`InputError` (E016) for a normalisation."""
    from spear_deploy.data import DataOptions
    from spear_deploy.data.options import sensor_size
    from spear_deploy.network.normalisation import InputTransform

    name = options.pop("data")
    return name, DataOptions(
        folder=options.pop("data_dir"),
        steps=options.pop("steps"),
        encoding=options.pop("encoding"),
        bin_ms=options.pop("bin_ms"),
        bin_events=options.pop("bin_events"),
        sensor=sensor_size(options.pop("sensor")),
        crop=options.pop("crop"),
        downsample=options.pop("downsample"),
        seed=seed,
        transform=InputTransform.of(options.pop("normalise"), options.pop("input_scale")),
    )


def load_for(program: Program, name: str, options: DataOptions) -> Dataset:
    """Load a data set for a program's ends, with values of either sign where its input takes them.

    Raises as :func:`~spear_deploy.data.load_data` and :func:`~spear_deploy.data.fit_to_network` do.
    """
    from spear_deploy.data import fit_to_network, load_data

    (port,) = program.inputs
    ends = port.shape, prod(program.shapes[program.outputs[0]])
    return fit_to_network(load_data(name, replace(options, network=ends, signed=port.min_value < 0)), *ends)
