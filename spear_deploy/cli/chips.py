"""``spear-deploy chips``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, fields, is_dataclass
from typing import Any

import click
from rich.table import Column, Table
from rich.text import Text

from spear_deploy.chips import ChipProfile, Sourced, chip_names
from spear_deploy.cli.document import JSON_OPTION, documented
from spear_deploy.cli.main import console_for
from spear_deploy.printable import cells, plain
from spear_deploy.targets import TARGETS, CheckedTarget, load_chip
from spear_deploy.targets.rules import Rule


@click.command("chips")
@click.argument("name", required=False)
@JSON_OPTION
def chips_command(name: str | None, json_output: bool) -> None:
    """List the chips that are known; with NAME (or a profile file) show each number and its source, and all rules."""
    with documented(as_document=json_output) as document:
        chips = [load_chip(each) for each in ([name] if name is not None else chip_names())]
        document.add(chips=[_told(chip) for chip in chips] if name is None else [_whole(chip) for chip in chips])
    if json_output:
        return
    if name is None:
        _print_list(chips)
    else:
        _print_chip(*chips)


def _told(chip: ChipProfile) -> dict[str, Any]:
    about = {"name": chip.name, "title": chip.title, "target": chip.target, "cores": chip.cores}
    return {**about, "emulated": is_emulated(chip)}


def _whole(chip: ChipProfile) -> dict[str, Any]:
    rules = TARGETS.get(chip.target).rules(chip)
    return {
        **_told(chip),
        "figures": [{"path": path, **asdict(figure)} for path, figure in figures(chip)],
        "sources": dict(chip.sources),
        "rules": [rule_data(rule, values) for rule, values in rules],
    }


def rule_data(rule: Rule, values: Mapping[str, str]) -> dict[str, Any]:
    """Return a rule of a chip, whose figures are ``values``, as JSON has it."""
    return {"code": rule.code, "severity": rule.severity, "text": rule.text_for(values), "fix": rule.fix}


def _print_list(chips: Iterable[ChipProfile]) -> None:
    table = Table("chip", "title", "target", "cores", "known by", box=None)
    for chip in chips:
        table.add_row(*cells(chip.name, chip.title, chip.target, f"{chip.cores:,}", known_by(chip)))
    console = console_for()
    console.print(table)
    console.print("emulator: networks are deployed and run; rules alone: checked by inspect, not emulated")


def _print_chip(chip: ChipProfile) -> None:
    console = console_for()
    console.print(Text.assemble((plain(chip.name), "bold"), f"  {plain(chip.title)}"))
    console.print(f"{standing(chip)}\n", markup=False, soft_wrap=True)
    found = list(figures(chip))
    quantity = Column("quantity", min_width=max(len(path) for path, _ in found))  # a cut name could not be typed
    table = Table(quantity, "value", "source", "note", box=None)
    for path, figure in found:
        table.add_row(*cells(*map(plain, (path, in_text(figure.value), figure.source, figure.note))))
    console.print(table)
    console.print("\n[bold]sources[/]")
    for key, text in chip.sources.items():
        console.print(f"  {plain(key)}  {plain(text)}", markup=False, soft_wrap=True)
    console.print("\n[bold]rules[/]")
    for each, values in TARGETS.get(chip.target).rules(chip):
        console.print(f"  {each.code}  {plain(each.text_for(values))}", markup=False, soft_wrap=True)


def is_emulated(chip: ChipProfile) -> bool:
    """Whether there are programs of a chip, or its rules alone."""
    return not isinstance(TARGETS.get(chip.target), CheckedTarget)


def known_by(chip: ChipProfile) -> str:
    """Return what a chip is known by, as tables say it."""
    return "emulator" if is_emulated(chip) else "rules alone"


def standing(chip: ChipProfile) -> str:
    """Return what can be done for a chip, as a sentence."""
    if is_emulated(chip):
        return "Emulated: networks are deployed, run and validated."
    return "Checked, not emulated: inspect reports broken rules and counts cores; nothing is deployed."


def in_text(value: Any) -> str:
    """Return a figure's value for people."""
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def figures(value: Any, path: str = "") -> Iterator[tuple[str, Sourced[Any]]]:
    """Yield every figure of a profile with its path."""
    if isinstance(value, Sourced):
        yield path, value
    elif is_dataclass(value):
        for field in fields(value):
            yield from figures(getattr(value, field.name), f"{path}.{field.name}".lstrip("."))
