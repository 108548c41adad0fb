"""``spear-deploy chips``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any

import click
from rich.table import Column, Table
from rich.text import Text

from spear_deploy.chips import ChipProfile, Sourced, chip_names
from spear_deploy.cli.main import console_for
from spear_deploy.printable import cells, plain
from spear_deploy.targets import TARGETS, CheckedTarget, load_chip


@click.command("chips")
@click.argument("name", required=False)
def chips_command(name: str | None) -> None:
    """List the chips that are known; with NAME (or a profile file) show each number and its source, and all rules."""
    console = console_for()
    if name is None:
        table = Table("chip", "title", "target", "cores", "known by", box=None)
        for chip in map(load_chip, chip_names()):
            table.add_row(*cells(chip.name, chip.title, chip.target, f"{chip.cores:,}", known_by(chip)))
        console.print(table)
        console.print("emulator: networks are deployed and run; rules alone: checked by inspect, not emulated")
        return
    chip = load_chip(name)
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
    return "Checked, not emulated: inspect tells what rules a network breaks and counts cores; nothing is deployed."


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
