"""``spear-deploy sweep``."""

from __future__ import annotations

import json
import re
import shlex
import sys
from pathlib import Path
from typing import Any

import click

from spear_deploy.backends import BACKENDS
from spear_deploy.cli.deploy import (
    DELIVERY_OPTIONS,
    INPUT_OPTIONS,
    RESUME_OPTIONS,
    RUN_OPTIONS,
    SEARCH_OPTIONS,
    settings_of,
)
from spear_deploy.cli.document import errors_documented
from spear_deploy.cli.main import ended_by
from spear_deploy.cli.options import BACKEND_OPTIONS, NameIn, refuse_no_data, take_semantics, with_options
from spear_deploy.cli.output import OUTPUT_OPTIONS, Output, opened
from spear_deploy.deployment.options import SWEEP, SWEEP_PAGE
from spear_deploy.errors import InputError
from spear_deploy.printable import plain

_GROUPED = re.compile(r"(?<![0-9.])[1-9][0-9]{0,2}(?:,[0-9]{3})+(?![0-9.%eE])")


def _words(ctx: click.Context, param: click.Parameter, value: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in value.split(",") if word.strip())


def _budgets(ctx: click.Context, param: click.Parameter, value: str) -> tuple[str, ...]:
    """Split a list of budgets; refuse what may be a single number with thousands separators, as in reports."""
    if found := _GROUPED.search(value):
        one, several = found[0].replace(",", ""), ", ".join(found[0].split(","))
        message = f"{found[0]} is one budget of {one}, or the budgets {several}"
        fix = f"give {one} for the one, and {several!r}, with spaces, for the others"
        raise InputError.of("E007", f"--synops {value}", message, fix)
    return _words(ctx, param, value)


def _seeds(ctx: click.Context, param: click.Parameter, value: str) -> tuple[int, ...]:
    words = _words(ctx, param, value)
    if not words or not all(word.isdecimal() for word in words):
        raise InputError.of("E007", "--seeds", f"{value!r} is not a list of whole numbers", "give 0, or 0,1,2")
    return tuple(map(int, words))


@click.command("sweep")
@with_options(RUN_OPTIONS)
@click.option(
    "--synops",
    "budgets",
    callback=_budgets,
    metavar="N,N,...",
    default="80%,60%,50%,40%,30%,20%",
    show_default=True,
    help="Budgets of SynOps a sample, as amounts or percentages of the unpruned network's.",
)
@click.option(
    "--seeds",
    callback=_seeds,
    metavar="N,N,...",
    default="0",
    show_default=True,
    help="Seeds, for each budget.",
)
@click.option(
    "--max-drop",
    type=float,
    default=1.0,
    show_default=True,
    help="Most points of accuracy that the answer may lose, on the validation samples.",
)
@click.option("--cores", type=click.IntRange(1), help="Most cores, at every point.")
@with_options(SEARCH_OPTIONS, DELIVERY_OPTIONS, RESUME_OPTIONS, OUTPUT_OPTIONS, INPUT_OPTIONS)
@click.option(
    "--backend",
    type=NameIn(BACKENDS.names),
    default="emulator",
    show_default=True,
    help="Backend that confirms each point; emulator: none, confirm the one that you take with validate.",
)
@with_options(BACKEND_OPTIONS)
@click.option(
    "--cluster",
    metavar="ADDRESS",
    help="Deploy the points on other machines: tcp://HOST:8786 is a scheduler of Dask, ray://HOST:10001 the head of a "
    "Ray cluster. No result depends on it.",
)
def sweep_command(**options: Any) -> int:
    """Deploy MODEL (.nir, .net) under many budgets, and find the smallest one that loses at most --max-drop points.

    Every point is a bundle in a folder of its own. Judged on the validation samples; what the test samples say stands
    beside it. With --resume, points that are done are kept, and budgets and seeds may be added; with --force, all of an
    earlier sweep in the folder is removed first.
    Example: spear-deploy sweep model.nir --semantics snntorch --reset zero --chip loihi2 --data digits
    --synops 60%,40%,20% --max-drop 1 -o sweep/
    """
    from spear_deploy.report.sweep import print_sweep

    as_json, output = options.pop("json_output"), options.pop("output")
    said = {name: options.pop(name) for name in ("quiet", "verbose", "log")}
    with errors_documented(as_document=as_json), opened(**said, folder=output, stderr=as_json) as shown:
        done = _swept(options, output, shown)
        for console in (shown.verdict, *shown.full) if said["quiet"] else shown.full:  # the table is the verdict
            print_sweep(done.result, console)
            written = f"\nsweep: {plain(output / SWEEP)}\npage: {plain(output / SWEEP_PAGE)}"
            console.print(written, markup=False, soft_wrap=True)
    if as_json:
        click.echo(json.dumps(done.result, indent=2))
    return ended_by(done.error)


def _swept(options: dict[str, Any], output: Path, shown: Output) -> Any:
    from spear_deploy import frontends
    from spear_deploy.api.sweep import run_plan
    from spear_deploy.api.sweep_plan import plan_of
    from spear_deploy.deployment.folder import as_folder

    model, data, chip = (options.pop(name) for name in ("model", "data", "chip"))
    budgets, seeds, cluster = (options.pop(name) for name in ("budgets", "seeds", "cluster"))
    semantics, overrides = take_semantics(options)
    plan = plan_of(budgets, seeds, settings_of(options), cluster)
    data = refuse_no_data(data)
    imported = frontends.load(model, semantics, overrides)
    command = shlex.join(["spear-deploy", *sys.argv[1:]])
    return run_plan(plan, imported, data, chip, as_folder(output), shown.progress(), command)
