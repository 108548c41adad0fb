"""``spear-deploy build``."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from spear_deploy.cli.deploy import deploy_command, run_deploy
from spear_deploy.cli.project import read_project
from spear_deploy.deployment.options import PROJECT


class BuildCommand(click.Command):
    """A command with the options of ``deploy``, none of which is required."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return the file, the options of ``deploy``, the model as one of them, and help."""
        file, *others = super().get_params(ctx)
        return [file, *_optional(ctx), *others]


def _optional(context: click.Context) -> list[click.Parameter]:
    options: list[click.Parameter] = [
        click.Option(["--model"], type=click.Path(path_type=Path), help="The network: .nir or .net.")
    ]
    for each in deploy_command.get_params(context):
        if each.name not in ("model", "help"):
            option = copy.copy(each)
            option.required = False
            options.append(option)
    return options


@click.command("build", cls=BuildCommand)
@click.argument("file", type=click.Path(path_type=Path), default=Path(PROJECT))
@click.pass_context
def build_command(context: click.Context, /, file: Path, **options: Any) -> int:
    """Deploy as the project FILE says: it has the options of deploy by name, and paths relative to the file.

    Options given here take precedence.  Every bundle carries a project file that repeats its run.
    """
    given = {n: v for n, v in options.items() if context.get_parameter_source(n) is ParameterSource.COMMANDLINE}
    held = read_project(file, context.command.get_params(context), context, given)
    return run_deploy({**options, **held, **given})
