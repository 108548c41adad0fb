"""``spear-deploy explain``."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

import click

from spear_deploy.catalogue import CATALOGUE
from spear_deploy.catalogue.examples import example
from spear_deploy.cli.main import console_for
from spear_deploy.errors import InputError


@click.command("explain")
@click.argument("code", required=False)
@click.option("--chip", default="loihi2", show_default=True, help="Fill in this chip's figures.")
def explain_command(code: str | None, chip: str) -> None:
    """Explain the error or note CODE, with the chip's rules behind it and an example; without one, list all."""
    console = console_for()
    if code is None:
        for name, (title, _) in CATALOGUE.items():
            console.print(f"[bold]{name}[/]  {title}")
        return
    code = code.upper()
    if code not in CATALOGUE:
        near = difflib.get_close_matches(code, CATALOGUE, n=1)
        raise InputError.of("E008", code, "no such code", f"did you mean {near[0]}?" if near else "")
    from spear_deploy.targets import TARGETS, load_chip

    profile = load_chip(chip)
    title, text = CATALOGUE[code]
    console.print(f"[bold]{code}[/]  {title}\n")
    console.print(text, markup=False, soft_wrap=True)

    stated = [
        each.text_for(values) + (f"\n      fix: {each.fix}" if each.fix else "")
        for each, values in TARGETS.get(profile.target).rules(profile)
        if each.code == code
    ]
    if stated:
        console.print(f"\n[bold]rules of {profile.name}[/]")
        for line in stated:
            console.print(f"  {line}", markup=False, soft_wrap=True)

    console.print()
    for line in _as_text(example(code)):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _as_text(markdown: str) -> Iterator[str]:
    """Yield the lines of Markdown as a terminal shows them: blocks of code are indented instead of fenced."""
    in_code = False
    for line in markdown.splitlines():
        if line.startswith("```"):
            in_code = not in_code
        else:
            yield f"    {line}" if in_code and line else line
