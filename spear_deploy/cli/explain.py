"""``spear-deploy explain``."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import click

from spear_deploy.catalogue import CATALOGUE
from spear_deploy.catalogue.examples import example
from spear_deploy.cli.document import JSON_OPTION, documented
from spear_deploy.errors import InputError

if TYPE_CHECKING:
    from rich.console import Console


@click.command("explain")
@click.argument("code", required=False)
@click.option("--chip", default="loihi2", show_default=True, help="Fill in this chip's figures.")
@JSON_OPTION
def explain_command(code: str | None, chip: str, json_output: bool) -> None:
    """Explain the error or note CODE, with the chip's rules behind it and an example; without CODE, list all."""
    with documented(as_document=json_output) as document:
        if code is None:
            document.add(codes=[{"code": name, "title": title} for name, (title, _) in CATALOGUE.items()])
        else:
            document.add(codes=[_explained(code.upper(), chip)])
    if json_output:
        return
    if code is None:
        for each in document.found["codes"]:
            document.console.print(f"[bold]{each['code']}[/]  {each['title']}")
    else:
        _print_code(document.found["codes"][0], document.console)


def _explained(code: str, chip: str) -> dict[str, Any]:
    if code not in CATALOGUE:
        near = difflib.get_close_matches(code, CATALOGUE, n=1)
        raise InputError.of("E008", code, "no such code", f"did you mean {near[0]}?" if near else "")
    from spear_deploy.targets import TARGETS, load_chip

    profile = load_chip(chip)
    title, text = CATALOGUE[code]
    stated = [
        {"text": each.text_for(values), "fix": each.fix}
        for each, values in TARGETS.get(profile.target).rules(profile)
        if each.code == code
    ]
    about = {"code": code, "title": title, "text": text, "chip": profile.name}
    return {**about, "rules": stated, "example": example(code)}


def _print_code(told: Mapping[str, Any], console: Console) -> None:
    console.print(f"[bold]{told['code']}[/]  {told['title']}\n")
    console.print(told["text"], markup=False, soft_wrap=True)
    if told["rules"]:
        console.print(f"\n[bold]rules of {told['chip']}[/]")
        for rule in told["rules"]:
            line = rule["text"] + (f"\n      fix: {rule['fix']}" if rule["fix"] else "")
            console.print(f"  {line}", markup=False, soft_wrap=True)
    console.print()
    for line in _as_text(told["example"]):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _as_text(markdown: str) -> Iterator[str]:
    """Yield the lines of Markdown as a terminal shows them: blocks of code are indented instead of fenced."""
    in_code = False
    for line in markdown.splitlines():
        if line.startswith("```"):
            in_code = not in_code
        else:
            yield f"    {line}" if in_code and line else line
