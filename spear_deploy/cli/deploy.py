"""``spear-deploy deploy`` and ``compile``."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import Any

import click

from spear_deploy.cli.main import console_for
from spear_deploy.cli.options import data_options, resolve_data, resolve_semantics, semantics_options
from spear_deploy.deployment.options import Budgets, DeployOptions, SearchOptions, SynopsBudget
from spear_deploy.errors import InputError
from spear_deploy.progress import Progress


def _sample_count(ctx: click.Context, param: click.Parameter, value: str) -> int | None:
    """Read a positive number, or ``all`` (None)."""
    if value == "all":
        return None
    if not value.isdigit() or int(value) < 1:
        raise click.BadParameter(f"{value!r} is neither a positive number nor 'all'")
    return int(value)


def _shared(command: Any) -> Any:
    for option in reversed(
        (
            click.argument("model", type=click.Path(path_type=Path)),
            click.option("--chip", required=True, help="Chip name or profile file; see spear-deploy chips."),
            click.option(
                "--synops", required=True, help="Budget a sample: a number, or a percentage of the unpruned network's."
            ),
            click.option("--cores", type=int, help="Budget of cores; default: what the chip has."),
            click.option(
                "-o", "--output", type=click.Path(path_type=Path), required=True, help="Folder of the bundle."
            ),
            click.option("--seed", type=int, default=0, show_default=True),
            click.option(
                "--threads",
                type=click.IntRange(1),
                default=1,
                show_default=True,
                help="Threads that compute; another number rounds differently. More help large networks only.",
            ),
            click.option(
                "--episodes",
                type=click.IntRange(4),
                default=SearchOptions.episodes,
                show_default=True,
                help="Networks judged before fine-tuning.",
            ),
            click.option(
                "--candidates",
                type=click.IntRange(1),
                default=SearchOptions.candidates,
                show_default=True,
                help="Networks fine-tuned and measured at most.",
            ),
            click.option(
                "--lowest-ratio",
                type=click.FloatRange(0, 1, min_open=True),
                default=SearchOptions.lowest_ratio,
                show_default=True,
                help="Smallest keep ratio of a layer.",
            ),
            click.option(
                "--epochs",
                type=click.FloatRange(min=0, min_open=True),
                help="Epochs of the final fine-tuning. [default: 12, at most 1000 batches]",
            ),
            click.option(
                "--samples",
                callback=_sample_count,
                metavar="N|all",
                default="32",
                show_default=True,
                help="Test samples that validation runs.",
            ),
            click.option(
                "--weight-bits",
                type=click.IntRange(2, 8),
                help="Bits of a weight. [default: what the chip has]",
            ),
            click.option("--net", is_flag=True, help="Keep to what lava-dl's .net format can hold; see export."),
            click.option(
                "--adapt",
                is_flag=True,
                help="Give MODEL the chip's built-in neuron (resets, one spike a step) and fine-tune it first.",
            ),
            click.option("--resume", is_flag=True, help="Go on with an interrupted run in the same folder."),
            click.option("--json", "json_output", is_flag=True, help="Print the report as JSON on standard output."),
        )
    ):
        command = option(command)
    return semantics_options(data_options(command))


@click.command("deploy")
@_shared
@click.option(
    "--backend",
    type=click.Choice(["lava", "emulator"]),
    default="lava",
    show_default=True,
    help="What proves the result.",
)
@click.option("--timeout", type=click.FloatRange(min=0, min_open=True), help="Time limit of the backend in seconds.")
def deploy_command(**options: Any) -> int:
    """Prune MODEL (.nir) until its measured SynOps fit the budget, and prove it on the backend.

    Example: spear-deploy deploy model.nir --semantics snntorch --reset zero --chip loihi2 --data digits
    --synops 50% -o build/
    """
    return run_deploy(**options)


@click.command("compile")
@_shared
def compile_command(**options: Any) -> int:
    """Prune MODEL (.nir) and write the bundle, measured on the emulator; no backend is run."""
    return run_deploy(**options, backend="emulator", timeout=None)


def run_deploy(**options: Any) -> int:
    """Run a deployment from its command line options and return the exit code."""
    from rich.markup import escape

    from spear_deploy.backends.environment import python_of
    from spear_deploy.chips.loader import load_chip
    from spear_deploy.cli.main import show
    from spear_deploy.frontends import load

    console = console_for(stderr=options["json_output"])  # standard output then carries the report alone
    budgets = _budgets(options)
    semantics, overrides = resolve_semantics(options)
    name, data = resolve_data(options, options["seed"])
    if name is None:
        raise InputError.of("E005", "--data", "is missing", "name a data set or an .npz file")
    for source in (options["model"], Path(name)):
        if source.is_file() and source.resolve().parent == options["output"].resolve():
            message = f"{source.name} lies in it and would be overwritten"
            raise InputError.of("E009", options["output"], message, "choose another -o")
    profile = load_chip(options["chip"])
    imported = load(options["model"], semantics, overrides)
    if options["backend"] == "lava":
        python_of("lava")

    # Imported late: nothing above needs torch, and mistakes should be told at once.
    from spear_deploy.data.datasets import load_data
    from spear_deploy.deployment.run import PAGE, REPORT, deploy
    from spear_deploy.report.build import save_report
    from spear_deploy.report.html import write_page
    from spear_deploy.report.terminal import print_report
    from spear_deploy.train.config import Recipe

    settings = DeployOptions(
        options["output"],
        budgets,
        backend=options["backend"],
        seed=options["seed"],
        search=SearchOptions(
            episodes=options["episodes"],
            candidates=options["candidates"],
            lowest_ratio=options["lowest_ratio"],
            finish=Recipe(epochs=options["epochs"]) if options["epochs"] else SearchOptions().finish,
        ),
        validate_samples=options["samples"],
        backend_timeout=options["timeout"],
        threads=options["threads"],
        weight_bits=options["weight_bits"],
        net=options["net"],
        adapt=options["adapt"],
        resume=options["resume"],
    )
    progress = Progress(console)
    console.print(f"spear-deploy: {escape(str(options['model']))} -> {profile.title}", style="bold")
    deployment = deploy(imported, load_data(name, data), profile, settings, progress)
    report = save_report(deployment, progress, shlex.join(["spear-deploy", *sys.argv[1:]]))
    print_report(report, console)
    page = settings.output / PAGE
    write_page(page, report)
    console.print(f"\nreport: {settings.output / REPORT}\npage: {page}", markup=False, soft_wrap=True)
    if options["json_output"]:
        click.echo(json.dumps(report, indent=2))
    if deployment.error is not None:
        show(deployment.error, console_for(stderr=True))
        return deployment.error.exit_code
    return 0


def _budgets(options: dict[str, Any]) -> Budgets:
    synops = SynopsBudget.parse(options["synops"])
    if options["cores"] is not None and options["cores"] < 1:
        raise InputError.of("E007", f"--cores {options['cores']}", "no network runs on that", "give a positive number")
    return Budgets(synops, options["cores"])
