"""The report on a terminal, or as plain text in a file: a verdict, two tables, a few lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from spear_deploy.printable import plain
from spear_deploy.report.fidelity import DISPENSABLE, columns, overview
from spear_deploy.report.formats import amount, compact, kib, percent, ratio, shorten
from spear_deploy.report.tables import Column, FittingTable, plain_table
from spear_deploy.report.wording import facts, resource, summary, totals, use, verdict

_FILE_WIDTH = 100
"""A pipe has no width of its own; rich would take 80 columns, too few for the layers table."""
_NAME_WIDTH = 24
_TYPE_WIDTHS = (24, 16, 10)
_DISPENSABLE = ("type", "neurons", "spikes", "synapses", "share")
"""Columns that a narrow terminal goes without, in this order: a cut number would be a wrong number."""


def print_report(report: Mapping[str, Any], console: Console) -> None:
    """Print the report; names are never read as markup."""
    # Cropping would undo the width that Page takes for files.
    console.print(Page(Group(*_parts(report))), crop=console.is_terminal)


def print_verdict(report: Mapping[str, Any], console: Console) -> None:
    """Print the verdict of a report alone."""
    console.print(_headline(report), soft_wrap=True)


def print_fidelity(fidelity: Mapping[str, Any], console: Console) -> None:
    """Print the table of :func:`~spear_deploy.report.fidelity.fidelity_data`."""
    console.print(Page(Group(*_fidelity(fidelity))), crop=console.is_terminal)


@dataclass(frozen=True)
class Page:
    """Renders its content at the terminal's width; into a file at a fixed one, as lines without trailing blanks."""

    content: RenderableType

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if console.is_terminal:
            yield self.content
            return
        wide = options.update_width(max(_FILE_WIDTH, options.max_width))
        for line in console.render_lines(self.content, wide, pad=False):
            yield Segment("".join(segment.text for segment in line).rstrip())
            yield Segment.line()


def _parts(report: Mapping[str, Any]) -> Iterator[RenderableType]:
    yield Text()
    yield _headline(report)
    yield Text(summary(report))
    yield Text()
    yield _budgets(report["budgets"])
    yield Text()
    yield FittingTable([_columns(report["layers"], width) for width in _TYPE_WIDTHS], _DISPENSABLE, footer=True)
    yield Text()
    yield from _fidelity(report["fidelity"]["deployed"])
    yield Text()
    yield _facts(facts(report))


def _fidelity(fidelity: Mapping[str, Any]) -> Iterator[RenderableType]:
    """Yield a sentence on the whole network, and the table of its populations."""
    yield Text.assemble(("float -> chip", "bold"), f": {overview(fidelity)}")
    yield Text()
    yield FittingTable([columns(fidelity["populations"])], DISPENSABLE)


def _headline(report: Mapping[str, Any]) -> Text:
    result = verdict(report)
    colour = {"good": "green", "warn": "yellow", "bad": "red"}[result.level]
    return Text.assemble((result.title, f"bold {colour}"), (f": {result.detail}", colour))


def _budgets(budgets: Iterable[Mapping[str, Any]]) -> Table:
    table = plain_table(footer=False)
    table.add_column("budget")
    for title in ("limit", "predicted", "bound", "on test", "used"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("")
    for budget in budgets:
        within = budget["within"]
        digits, missed = budget["digits"], "OVER" if budget["sense"] == "at most" else "UNDER"
        table.add_row(
            Text(resource(budget)),
            amount(budget["limit"], digits),
            Text(amount(budget["predicted"], digits), style="dim"),
            amount(budget["judged"], digits) if budget["has_bound"] else "",
            amount(budget["measured"], digits),
            use(budget),
            Text("within" if within else missed, style="green" if within else "bold red"),
        )
    return table


def _columns(layers: Sequence[Mapping[str, Any]], type_width: int) -> dict[str, Column]:
    total = totals(layers)

    def count_column(key: str, style: str = "") -> Column:
        return Column([compact(layer[key]) for layer in layers], compact(total[key]), style=style)

    share = [percent(ratio(layer["synops_measured"], total["synops_measured"])) for layer in layers]
    return {
        "layer": Column([shorten(plain(layer["name"]), _NAME_WIDTH) for layer in layers], "total", left=True),
        "type": Column([shorten(plain(layer["type"]), type_width) for layer in layers], left=True, style="dim"),
        "units": Column([_units(layer) for layer in layers]),
        "neurons": count_column("neurons"),
        "synapses": count_column("synapses"),
        "spikes": count_column("spikes"),
        "SynOps\nbefore": count_column("synops_before", style="dim"),
        "SynOps\nmeasured": count_column("synops_measured"),
        "share": Column(share, percent(1.0, 0)),
        "cores": count_column("cores"),
        "memory\nKiB": Column([kib(layer["memory_bits"]) for layer in layers], kib(total["memory_bits"])),
    }


def _units(layer: Mapping[str, Any]) -> str:
    before, after = layer["units_before"], layer["units_after"]
    return f"{before}->{after}" if before != after else f"{after}"


def _facts(lines: Iterable[tuple[str, str]]) -> Table:
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column()
    for subject, sentence in lines:
        grid.add_row(subject, Text(sentence))
    return grid
