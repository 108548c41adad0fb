"""``spear-deploy demo``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from spear_deploy.resources import resource


@click.command("demo")
@click.option("-o", "--output", type=click.Path(path_type=Path), default=Path("build/demo"), show_default=True)
@click.option("--synops", default="50%", show_default=True, help="SynOps budget.")
@click.option("--backend", type=click.Choice(["lava", "emulator"]), default="lava", show_default=True)
@click.option("--seed", type=int, default=0, show_default=True)
@click.pass_context
def demo_command(ctx: click.Context, **options: Any) -> int:
    """Deploy the digits network that comes with the tool on Loihi 2: the whole path in about a minute."""
    from spear_deploy.cli.deploy import deploy_command

    model, semantics = resource("examples/digits/digits.nir"), resource("examples/digits/semantics.toml")
    defaults = {parameter.name: parameter.get_default(ctx) for parameter in deploy_command.params}
    given = {"model": model, "semantics": str(semantics), "chip": "loihi2", "data": "digits"}
    code: int = ctx.invoke(deploy_command, **{**defaults, **given, **options})
    return code
