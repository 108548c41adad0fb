"""``spear-deploy deploy`` and ``compile``."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import Any

import click

from spear_deploy.backends import BACKENDS, default_prover
from spear_deploy.cli.document import errors_documented
from spear_deploy.cli.main import ended_by, show
from spear_deploy.cli.options import (
    BACKEND_OPTIONS,
    DATA_OPTIONS,
    DECISION_OPTIONS,
    SEMANTICS_OPTIONS,
    WEIGHT_BITS_OPTION,
    Finite,
    NameIn,
    refuse_no_data,
    take_semantics,
    with_options,
)
from spear_deploy.cli.output import OUTPUT_OPTIONS, Output, opened
from spear_deploy.deployment.options import PROJECT, STEP_NAMES, DeployOptions
from spear_deploy.deployment.project import write_project
from spear_deploy.errors import InputError
from spear_deploy.printable import plain
from spear_deploy.search.options import EFFORTS, SearchOptions
from spear_deploy.storage import is_file


def _sample_count(ctx: click.Context, param: click.Parameter, value: str) -> int | None:
    """Read a positive number, or ``all`` (None)."""
    if value == "all":
        return None
    try:
        count = int(value)
    except ValueError:
        count = 0
    if count < 1:
        raise InputError.of("E007", "--samples", f"{value!r} is neither a positive number nor all", "give 32, or all")
    return count


def _methods() -> tuple[str, ...]:
    from spear_deploy.search.methods import METHODS

    return METHODS.names()


def _placers() -> tuple[str, ...]:
    from spear_deploy.placement.placers import PLACERS

    return PLACERS.names()


RUN_OPTIONS = (
    click.argument("model", type=click.Path(path_type=Path)),
    click.option("--chip", required=True, help="Chip name or profile file; see spear-deploy chips."),
    click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="Folder to hold the bundle."),
    click.option(
        "--threads",
        type=click.IntRange(1),
        default=1,
        show_default=True,
        help="Threads to compute on; another number rounds differently. More than one helps large networks only.",
    ),
    click.option(
        "--memory",
        metavar="SIZE",
        help="Memory limit; batches are split to fit, and another split rounds differently. [default: 4GiB]",
    ),
    click.option("--device", default="cpu", show_default=True, help="Torch device to train and emulate on."),
)
SEARCH_OPTIONS = (
    click.option(
        "--method",
        type=NameIn(_methods),
        default=SearchOptions.method,
        show_default=True,
        help="Search method: what chooses the units and synapses that are kept.",
    ),
    click.option(
        "--effort",
        type=click.Choice(EFFORTS),
        default="normal",
        show_default=True,
        help="How much to spend on the search and on fine-tuning; the options below override it.",
    ),
    click.option(
        "--confidence",
        type=Finite(0.5, 1, max_open=True),
        default=0.95,
        show_default=True,
        help="Confidence with which budgets of SynOps hold on samples not seen.",
    ),
    click.option("--episodes", type=click.IntRange(4), help="Networks that the method judges before fine-tuning."),
    click.option(
        "--candidates", type=click.IntRange(1), help="Networks of the method that are fine-tuned and compared."
    ),
    click.option(
        "--lowest-ratio",
        type=Finite(0, 1, min_open=True),
        default=SearchOptions.lowest_ratio,
        show_default=True,
        help="Smallest keep ratio of a layer.",
    ),
    click.option(
        "--epochs",
        type=Finite(min=0, min_open=True),
        help="Most epochs of the closing fine-tuning. [default: 40, at most 1600 batches]",
    ),
    click.option(
        "--augment",
        metavar="NAME,NAME",
        help="Random changes of images while fine-tuning, as in their own training: mirror (left to right), shift (by "
        "up to an eighth of the sides). [default: none]",
    ),
)
DELIVERY_OPTIONS = (
    click.option(
        "--time-limit",
        type=Finite(min=0, min_open=True),
        metavar="SECONDS",
        help="Deliver the best network found by then. [default: none]",
    ),
    click.option(
        "--samples",
        callback=_sample_count,
        metavar="N|all",
        default="32",
        show_default=True,
        help="Test samples to validate on.",
    ),
    WEIGHT_BITS_OPTION,
    click.option(
        "--place",
        type=NameIn(_placers),
        default=DeployOptions.place,
        show_default=True,
        help="How to place the deployed network on cores: by the target's own rule, or so that the busiest core has "
        "less to do (balance).",
    ),
    click.option("--net", is_flag=True, help="Keep to what lava-dl's .net format can hold; see export."),
    click.option(
        "--adapt",
        is_flag=True,
        help="Give MODEL the chip's own neuron (resets, spikes a step) and fine-tune it first.",
    ),
    click.option(
        "--allow-loss",
        is_flag=True,
        help="Continue with a network that collapses in the chip's integers (E066); the report says so.",
    ),
)
RESUME_OPTIONS = (
    click.option("--resume", is_flag=True, help="Continue an interrupted run in the same folder."),
    click.option("--force", is_flag=True, help="Replace what an earlier run left in the folder."),
    click.option("--json", "json_output", is_flag=True, help="Print the report as JSON on standard output."),
)
BACKEND_OPTION = click.option(
    "--backend",
    type=NameIn(BACKENDS.names),
    help="Backend that confirms the result. [default: the first for the chip, other than the emulator]",
)
INPUT_OPTIONS = (*SEMANTICS_OPTIONS, *DATA_OPTIONS, *DECISION_OPTIONS)
_SINGLE_OPTIONS = (
    click.option("--seed", type=int, default=0, show_default=True),
    click.option("--until", type=click.Choice(STEP_NAMES), help="Stop after this step."),
    click.option(
        "--dry-run",
        is_flag=True,
        help="Say what a run would take, from the unpruned network and a few batches of training (with -q nothing "
        "else); write nothing.",
    ),
)
_SHARED = with_options(
    RUN_OPTIONS, SEARCH_OPTIONS, DELIVERY_OPTIONS, _SINGLE_OPTIONS, RESUME_OPTIONS, OUTPUT_OPTIONS, INPUT_OPTIONS
)


class BudgetCommand(click.Command):
    """A command with an option for each budget of the table."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return its own parameters, and those of the budgets behind the argument and the chip."""
        own = super().get_params(ctx)
        taken = {option for parameter in own for option in parameter.opts}
        return [*own[:2], *(each for each in _budget_options() if not taken & set(each.opts)), *own[2:]]


def _budget_options() -> list[click.Option]:
    from spear_deploy.budgets import RESOURCES

    resources = [resource for _, resource in RESOURCES.items()]
    return [click.Option([each.option], help=each.help, metavar="N") for each in resources]


@click.command("deploy", cls=BudgetCommand)
@_SHARED
@BACKEND_OPTION
@with_options(BACKEND_OPTIONS)
def deploy_command(**options: Any) -> int:
    """Prune MODEL (.nir, .net) until it fits the measured budgets, and prove it on the backend.

    Example: spear-deploy deploy model.nir --semantics snntorch --reset zero --chip loihi2 --data digits
    --synops 50% -o build/
    """
    return run_deploy(options)


@click.command("compile", cls=BudgetCommand)
@_SHARED
def compile_command(**options: Any) -> int:
    """Prune MODEL (.nir, .net) and write the bundle, measured on the emulator; no backend is run."""
    return run_deploy({**options, "backend": "emulator"})


def run_deploy(options: dict[str, Any]) -> int:
    """Run a deployment from its command line options and return the exit code."""
    # What needs no torch comes first: mistakes should be told at once.
    asked = dict(options)
    is_dry = options.pop("dry_run")
    options["until"] = "baseline" if is_dry else options["until"]
    as_json, output = options.pop("json_output"), options.pop("output")
    said = {name: options.pop(name) for name in ("quiet", "verbose", "log")}
    with (
        errors_documented(as_document=as_json),
        opened(**said, folder=output, stderr=as_json) as shown,
    ):
        deployment = _deployed(options, output, asked, shown)
        data = _as_data(deployment, is_dry=is_dry)
        _show(deployment, data, shown)
    if as_json:
        click.echo(json.dumps(data, indent=2))
    return ended_by(deployment.error)


def _deployed(options: dict[str, Any], output: Path, asked: dict[str, Any], shown: Output) -> Any:
    from spear_deploy import frontends

    model, data, chip = (options.pop(name) for name in ("model", "data", "chip"))
    semantics, overrides = take_semantics(options)
    settings = settings_of(options)
    data = refuse_no_data(data)

    from spear_deploy.api.deploy import prepare
    from spear_deploy.api.settings import deploy_options
    from spear_deploy.deployment.folder import JOURNAL, refuse_sources_inside
    from spear_deploy.targets import emulated_target, load_chip

    refuse_sources_inside(output, [model, Path(data)])
    deploy_options(settings, output)
    profile = load_chip(chip)
    if options["backend"] is None:
        settings["backend"] = default_prover(emulated_target(profile.target, profile.name).name)
    request = prepare(frontends.load(model, semantics, overrides), data, chip, settings)
    for console in shown.full:
        title = f"spear-deploy: {plain(model)} -> {plain(request.chip.title)}"
        console.print(title, style="bold", markup=False)
    proven = settings.get("backend") or "emulator"
    project = {**asked, "backend": proven, "samples": asked["samples"] or "all"}
    try:
        deployment = request.run(output, shown.progress(), shlex.join(["spear-deploy", *sys.argv[1:]]))
    except KeyboardInterrupt:
        if is_file(output / JOURNAL) and not is_file(output / PROJECT):
            write_project(output / PROJECT, project)  # build --resume goes on from the folder alone
        raise
    if deployment.report is not None:
        write_project(output / PROJECT, project)
    return deployment


def settings_of(options: dict[str, Any]) -> Any:
    """Return the keywords of :func:`spear_deploy.deploy` that the options stand for."""
    settings = dict(options)
    settings["keep_to"] = "net" if settings.pop("net") else None
    return settings


def _show(deployment: Any, data: Any, shown: Output) -> None:
    from spear_deploy.deployment.bundle import PAGE, REPORT
    from spear_deploy.report.stopped import print_found, print_plan
    from spear_deploy.report.terminal import print_report, print_verdict

    folder = deployment.folder
    for console in shown.full:
        if deployment.report is None:
            print_found(data, console)
            continue
        print_report(deployment.report, console)
        console.print(f"\nreport: {plain(folder / REPORT)}\npage: {plain(folder / PAGE)}", markup=False, soft_wrap=True)
    if shown.console.quiet and deployment.report is not None:
        print_verdict(deployment.report, shown.verdict)
    elif shown.console.quiet and "forecast" in data:
        print_plan(data, shown.verdict)  # of a dry run the plan is the verdict
    if shown.log is not None and deployment.error is not None:
        show(deployment.error, shown.log)


def _as_data(deployment: Any, *, is_dry: bool) -> Any:
    """Return the report as JSON has it; of a run that stopped before its end what was found, and what it would take."""
    from dataclasses import asdict

    from spear_deploy.deployment.forecast import forecast
    from spear_deploy.report.stopped import found_so_far

    if deployment.report is not None:
        return deployment.report
    found = found_so_far(deployment.work)
    return {**found, "forecast": asdict(forecast(deployment.work))} if is_dry else found
