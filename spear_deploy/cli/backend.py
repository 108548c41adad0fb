"""``spear-deploy backend``."""

from __future__ import annotations

import json

import click

from spear_deploy.backends import BACKENDS
from spear_deploy.cli.main import console_for
from spear_deploy.cli.options import NameIn
from spear_deploy.errors import BackendError

_NAME = NameIn(BACKENDS.names)


@click.group("backend")
def backend_command() -> None:
    """List, install and check backends: each lives in an environment of its own."""


@backend_command.command("list")
def list_command() -> None:
    """List the backends, what they run, and whether they are ready."""
    console = console_for()
    for name, backend in BACKENDS.items():
        runs = "all targets" if backend.targets is None else ", ".join(sorted(backend.targets))
        try:
            state = f"ready: {backend.require()}"
        except BackendError as error:
            state = f"{error.findings[0].message}; {error.findings[0].fix}"
        console.print(f"{name:<10}{runs:<13}{state}", markup=False, soft_wrap=True)


@backend_command.command("install")
@click.argument("name", type=_NAME)
def install_command(name: str) -> None:
    """Make the environment of backend NAME (again, if it is out of date)."""
    console = console_for()
    where = BACKENDS.get(name).install(console.print)
    console.print(f"{name}: ready in {where}", markup=False, soft_wrap=True)


@backend_command.command("check")
@click.argument("name", type=_NAME)
def check_command(name: str) -> None:
    """Run backend NAME's self-test and print its versions as JSON."""
    click.echo(json.dumps(dict(BACKENDS.get(name).check()), indent=2))
