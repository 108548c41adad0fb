"""``spear-deploy backend``."""

from __future__ import annotations

import json

import click

from spear_deploy.backends import environment
from spear_deploy.cli.main import console_for
from spear_deploy.errors import BackendError

NAMES = click.Choice(["lava"])


@click.group("backend")
def backend_command() -> None:
    """List, install and check backends: each lives in an environment of its own."""


@backend_command.command("list")
def list_command() -> None:
    """List the backends and whether they are ready."""
    console = console_for()
    console.print("emulator  ready: bit-exact, part of this package")
    try:
        console.print(f"lava      ready: {environment.python_of('lava')}")
    except BackendError as error:
        console.print(f"lava      {error.findings[0].message}; {error.findings[0].fix}")


@backend_command.command("install")
@click.argument("name", type=NAMES)
def install_command(name: str) -> None:
    """Make the environment of backend NAME (again, if it is out of date)."""
    console = console_for()
    folder = environment.install(name, console.print)
    console.print(f"{name}: ready in {folder}")


@backend_command.command("check")
@click.argument("name", type=NAMES)
def check_command(name: str) -> None:
    """Run backend NAME's self-test and print its versions as JSON."""
    click.echo(json.dumps(environment.check(name), indent=2))
