"""``spear-deploy backend``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from spear_deploy.backends import BACKENDS, Backend
from spear_deploy.cli.document import JSON_OPTION, documented
from spear_deploy.cli.main import console_for
from spear_deploy.cli.options import NameIn
from spear_deploy.errors import BackendError
from spear_deploy.printable import plain

_NAME = NameIn(BACKENDS.names)


@click.group("backend")
def backend_command() -> None:
    """List, install and check backends: each lives in an environment of its own."""


@backend_command.command("list")
@JSON_OPTION
def list_command(json_output: bool) -> None:
    """List the backends, what they run, and whether they are ready."""
    with documented(as_document=json_output) as document:
        found = [_state(name, backend) for name, backend in BACKENDS.items()]
        document.add(backends=found)
    if json_output:
        return
    console = console_for()
    for each in found:
        runs = "all targets" if each["targets"] is None else ", ".join(each["targets"])
        state = f"ready: {each['state']}" if each["ready"] else f"{each['state']}; {each['fix']}"
        console.print(f"{each['name']:<10}{runs:<13}{state}", markup=False, soft_wrap=True)


def _state(name: str, backend: Backend) -> dict[str, Any]:
    served = None if backend.targets is None else sorted(backend.targets)
    about: dict[str, Any] = {"name": name, "targets": served, "ready": True, "state": "", "fix": ""}
    try:
        return {**about, "state": backend.require()}
    except BackendError as error:
        return {**about, "ready": False, "state": error.findings[0].message, "fix": error.findings[0].fix}


@backend_command.command("install")
@click.argument("name", type=_NAME)
def install_command(name: str) -> None:
    """Make the environment of backend NAME (again, if it is out of date)."""
    console = console_for()
    where = BACKENDS.get(name).install(console.print)
    console.print(f"{name}: ready in {where}", markup=False, soft_wrap=True)


@backend_command.command("check")
@click.argument("name", type=_NAME)
@JSON_OPTION
def check_command(name: str, json_output: bool) -> None:
    """Run backend NAME's self-test; print what it says and its versions."""
    with documented(as_document=json_output) as document:
        document.add(backend=name, check=dict(BACKENDS.get(name).check()))
        for key, value in document.found["check"].items():
            told = ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, Mapping) else value
            if str(told):
                document.say(f"{plain(key)}: {plain(told)}")
