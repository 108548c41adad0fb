"""The report on a terminal, or as plain text in a file: a verdict, two tables, a few lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich import box
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.measure import Measurement
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from spear_deploy.report.wording import (
    amount,
    compact,
    facts,
    kib,
    percent,
    plain,
    ratio,
    resource,
    shorten,
    summary,
    totals,
    use,
    verdict,
)

_FILE_WIDTH = 100
"""A pipe has no width of its own; rich would take 80 columns, too few for the layers table."""
_NAME_WIDTH = 24
_TYPE_WIDTHS = (24, 16, 10)
_DISPENSABLE = ("type", "neurons", "spikes", "synapses", "share")
"""Columns that a narrow terminal goes without, in this order: a cut number would be a wrong number."""


def print_report(report: Mapping[str, Any], console: Console) -> None:
    """Print the report; names are never read as markup."""
    # Cropping would undo the width that _Page takes for files.
    console.print(_Page(Group(*_parts(report))), crop=console.is_terminal)


@dataclass(frozen=True)
class _Page:
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


@dataclass(frozen=True)
class _Layers:
    """The layers table, with as many columns as there is room for."""

    layers: Sequence[Mapping[str, Any]]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for columns in _layouts(self.layers):
            table = _layers_table(columns, len(self.layers))
            if Measurement.get(console, options.update_width(1000), table).maximum <= options.max_width:
                break
        yield table
        missing = [title for title in _DISPENSABLE if title not in columns]
        if missing:
            yield Text(f"no room for: {', '.join(missing)}", style="dim")


@dataclass(frozen=True)
class _Column:
    """A column of the layers table: its cells, and its total."""

    cells: Sequence[str]
    total: str = ""
    left: bool = False
    style: str = ""


def _parts(report: Mapping[str, Any]) -> Iterator[RenderableType]:
    yield Text()
    yield _headline(report)
    yield Text(summary(report))
    yield Text()
    yield _budgets(report["budgets"])
    yield Text()
    yield _Layers(report["layers"])
    yield Text()
    yield _facts(facts(report))


def _headline(report: Mapping[str, Any]) -> Text:
    result = verdict(report)
    colour = {"good": "green", "warn": "yellow", "bad": "red"}[result.level]
    return Text.assemble((result.title, f"bold {colour}"), (f": {result.detail}", colour))


def _budgets(budgets: Iterable[Mapping[str, Any]]) -> Table:
    table = _table(footer=False)
    table.add_column("budget")
    for title in ("limit", "predicted", "measured", "used"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("")
    for budget in budgets:
        within = budget["within"]
        digits, missed = budget["digits"], "OVER" if budget["sense"] == "at most" else "UNDER"
        table.add_row(
            Text(resource(budget)),
            amount(budget["limit"], digits),
            Text(amount(budget["predicted"], digits), style="dim"),
            amount(budget["measured"], digits),
            use(budget),
            Text("within" if within else missed, style="green" if within else "bold red"),
        )
    return table


def _layouts(layers: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, _Column]]:
    """Yield the columns of the layers table, fewer and fewer."""
    for width in _TYPE_WIDTHS:
        columns = _columns(layers, width)
        yield columns
    for count in range(1, len(_DISPENSABLE) + 1):
        yield {title: column for title, column in columns.items() if title not in _DISPENSABLE[:count]}


def _columns(layers: Sequence[Mapping[str, Any]], type_width: int) -> dict[str, _Column]:
    total = totals(layers)

    def count_column(key: str, style: str = "") -> _Column:
        return _Column([compact(layer[key]) for layer in layers], compact(total[key]), style=style)

    share = [percent(ratio(layer["synops_measured"], total["synops_measured"])) for layer in layers]
    return {
        "layer": _Column([shorten(plain(layer["name"]), _NAME_WIDTH) for layer in layers], "total", left=True),
        "type": _Column([shorten(plain(layer["type"]), type_width) for layer in layers], left=True, style="dim"),
        "units": _Column([_units(layer) for layer in layers]),
        "neurons": count_column("neurons"),
        "synapses": count_column("synapses"),
        "spikes": count_column("spikes"),
        "SynOps\nbefore": count_column("synops_before", style="dim"),
        "SynOps\nmeasured": count_column("synops_measured"),
        "share": _Column(share, percent(1.0, 0)),
        "cores": count_column("cores"),
        "memory\nKiB": _Column([kib(layer["memory_bits"]) for layer in layers], kib(total["memory_bits"])),
    }


def _units(layer: Mapping[str, Any]) -> str:
    before, after = layer["units_before"], layer["units_after"]
    return f"{before}->{after}" if before != after else f"{after}"


def _layers_table(columns: Mapping[str, _Column], rows: int) -> Table:
    table = _table(footer=True)
    for title, column in columns.items():
        # Text, not str: rich reads markup in a str, and names come from files.
        table.add_column(
            Text(title),
            Text(column.total),
            justify="left" if column.left else "right",
            style=column.style,
            no_wrap=True,
        )
    for row in range(rows):
        table.add_row(*(Text(column.cells[row]) for column in columns.values()))
    return table


def _facts(lines: Iterable[tuple[str, str]]) -> Table:
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column()
    for subject, sentence in lines:
        grid.add_row(subject, Text(sentence))
    return grid


def _table(*, footer: bool) -> Table:
    return Table(
        box=box.SIMPLE,
        show_edge=False,
        show_footer=footer,
        pad_edge=False,
        padding=(0, 1, 0, 0),
        header_style="bold",
        footer_style="bold",
    )
