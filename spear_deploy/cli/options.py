"""Options that several commands share, and how they become objects."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from spear_deploy.data.datasets import DataOptions
    from spear_deploy.frontends import Semantics

Command = TypeVar("Command", bound=Callable[..., Any])


def semantics_options(command: Command) -> Command:
    """Add the options that say how a NIR file is to be read."""
    for option in reversed(
        (
            click.option(
                "--semantics",
                metavar="PRESET|FILE.toml",
                help="How the file's neurons compute: nir, snntorch, norse, spikingjelly, sinabs, rockpool, lava-dl, "
                "lava, or a TOML file.",
            ),
            click.option("--dt", type=float, help="Time step, in the unit of the file's time constants."),
            click.option(
                "--reset", type=click.Choice(["value", "zero", "subtract"]), help="Override the preset's reset."
            ),
            click.option(
                "--reset-delay/--no-reset-delay", default=None, help="Override whether the reset acts one step late."
            ),
            click.option("--compare", type=click.Choice(["gt", "ge"]), help="Override: fire at v > or >= threshold."),
            click.option(
                "--spikes", type=click.Choice(["binary", "integer"]), help="Override: one or several spikes a step."
            ),
            click.option("--floor", type=float, help="Lowest value of the membrane (sinabs' min_v_mem)."),
        )
    ):
        command = option(command)
    return command


def data_options(command: Command) -> Command:
    """Add the options that say what data to use and how to code it."""
    for option in reversed(
        (
            click.option(
                "--data", metavar="NAME|FILE.npz", help="digits, fashion-mnist, nmnist-small, or an .npz file."
            ),
            click.option("--data-dir", type=click.Path(path_type=Path), help="Folder of the named data sets."),
            click.option("--steps", type=click.IntRange(1, 100_000), help="Time steps over which values are coded."),
            click.option("--encoding", type=click.Choice(["constant", "rate"]), help="How values become input."),
            click.option(
                "--bin-ms", type=click.FloatRange(min=0, min_open=True), help="Width of the bins of event data."
            ),
        )
    ):
        command = option(command)
    return command


def resolve_semantics(options: dict[str, Any]) -> tuple[Semantics | None, dict[str, Any]]:
    """Take the semantics options out of ``options``: the preset or file (None: not given), and the overrides.

    Raises :class:`InputError` (E001, E008).
    """
    from spear_deploy.frontends.semantics import named

    name = options.pop("semantics")
    overrides = {key: options.pop(key) for key in ("dt", "reset", "compare", "spikes", "floor")}
    overrides["late"] = options.pop("reset_delay")
    overrides = {key: value for key, value in overrides.items() if value is not None}
    return None if name is None else named(name), overrides


def resolve_data(options: dict[str, Any], seed: int = 0) -> tuple[str | None, DataOptions]:
    """Take the data options out of ``options``."""
    from spear_deploy.data.datasets import DataOptions

    name = options.pop("data")
    return name, DataOptions(
        folder=options.pop("data_dir"),
        steps=options.pop("steps"),
        encoding=options.pop("encoding"),
        bin_ms=options.pop("bin_ms"),
        seed=seed,
    )
