"""``spear-deploy demo``."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from spear_deploy.cli.deploy import BACKEND_OPTION, deploy_command
from spear_deploy.resources import resource


@click.command("demo")
@click.option("-o", "--output", type=click.Path(path_type=Path), default=Path("build/demo"), show_default=True)
@click.option("--synops", default="50%", show_default=True, help="SynOps budget.")
@BACKEND_OPTION
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--force", is_flag=True, help="Replace what an earlier run left in the folder.")
def demo_command(output: Path, synops: str, backend: str | None, seed: int, *, force: bool) -> int:
    """Deploy the digits network that comes with the tool on Loihi 2: the whole path in about a minute."""
    model, semantics = resource("examples/digits/digits.nir"), resource("examples/digits/semantics.toml")
    arguments = [str(model), "--semantics", str(semantics), "--chip", "loihi2", "--data", "digits"]
    arguments += ["--synops", synops, "--max-drop", "2", "--seed", str(seed), "-o", str(output)]
    arguments += ["--backend", backend] if backend is not None else []
    arguments += ["--force"] if force else []
    click.echo(f"$ spear-deploy deploy {shlex.join(arguments)}")
    code: int = deploy_command.main(arguments, prog_name="spear-deploy deploy", standalone_mode=False)
    return code
