"""``spear-deploy chips``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any

import click
from rich.table import Table

from spear_deploy.chips.loader import chip_names, load_chip
from spear_deploy.chips.schema import Sourced
from spear_deploy.cli.main import console_for


@click.command("chips")
@click.argument("name", required=False)
def chips_command(name: str | None) -> None:
    """List the chips that are known; with NAME (or a profile file) show each number and its source."""
    console = console_for()
    if name is None:
        table = Table("chip", "title", "chips", "cores", "neurons/core", "weight bits", box=None)
        for chip in map(load_chip, chip_names()):
            capacity = chip.capacity
            row = (capacity.chips.value, capacity.cores, capacity.neurons_per_core.value, chip.weights.bits_max.value)
            table.add_row(chip.name, chip.title, *map(str, row))
        console.print(table)
        return
    chip = load_chip(name)
    console.print(f"[bold]{chip.name}[/]  {chip.title}\n")
    table = Table("quantity", "value", "source", "note", box=None)
    for path, figure in _figures(chip):
        table.add_row(path, str(figure.value), figure.source, figure.note)
    console.print(table)
    console.print("\n[bold]sources[/]")
    for key, text in chip.sources.items():
        console.print(f"  {key}  {text}", markup=False)


def _figures(value: Any, path: str = "") -> Iterator[tuple[str, Sourced[Any]]]:
    if isinstance(value, Sourced):
        yield path, value
    elif is_dataclass(value):
        for field in fields(value):
            yield from _figures(getattr(value, field.name), f"{path}.{field.name}".lstrip("."))
