"""``spear-deploy explain``."""

from __future__ import annotations

import difflib

import click

from spear_deploy.cli.main import console_for
from spear_deploy.errors import CATALOGUE, InputError


@click.command("explain")
@click.argument("code", required=False)
def explain_command(code: str | None) -> None:
    """Explain the error or note CODE; without one, list all."""
    console = console_for()
    if code is None:
        for name, (title, _) in CATALOGUE.items():
            console.print(f"[bold]{name}[/]  {title}")
        return
    if code.upper() not in CATALOGUE:
        near = difflib.get_close_matches(code.upper(), CATALOGUE, n=1)
        raise InputError.of("E008", code, "no such code", f"did you mean {near[0]}?" if near else "")
    title, text = CATALOGUE[code.upper()]
    console.print(f"[bold]{code.upper()}[/]  {title}\n")
    console.print(text, markup=False, soft_wrap=True)
