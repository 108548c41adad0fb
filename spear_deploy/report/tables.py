"""Text tables with as many columns as fit the terminal, since a truncated number would be a wrong number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text


@dataclass(frozen=True)
class Column:
    """A column: its cells, and its total."""

    cells: Sequence[str]
    total: str = ""
    left: bool = False
    style: str = ""


@dataclass(frozen=True)
class FittingTable:
    """Shows the first of some ``layouts`` that there is room for, else the narrowest without more and more columns.

    A layout has columns by title; ``dispensable`` titles are left out in their order, and named.
    """

    layouts: Sequence[Mapping[str, Column]]
    dispensable: Sequence[str]
    footer: bool = False

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for columns in self._narrower():
            table = self._table(columns)
            if Measurement.get(console, options.update_width(1000), table).maximum <= options.max_width:
                break
        yield table
        had = self.layouts[-1]
        missing = [title.replace("\n", " ") for title in self.dispensable if title in had and title not in columns]
        if missing:
            yield Text(f"left out at this width: {', '.join(missing)}", style="dim")

    def _narrower(self) -> list[Mapping[str, Column]]:
        least = self.layouts[-1]
        without = [set(self.dispensable[:count]) for count in range(1, len(self.dispensable) + 1)]
        return [*self.layouts, *({t: c for t, c in least.items() if t not in left_out} for left_out in without)]

    def _table(self, columns: Mapping[str, Column]) -> Table:
        table = plain_table(footer=self.footer)
        for title, column in columns.items():
            # Text, not str: rich reads markup in a str, and names come from files.
            table.add_column(
                Text(title),
                Text(column.total),
                justify="left" if column.left else "right",
                style=column.style,
                no_wrap=True,
            )
        for cells in zip(*(column.cells for column in columns.values()), strict=True):
            table.add_row(*map(Text, cells))
        return table


def plain_table(*, footer: bool) -> Table:
    """Return an empty table in the style of all."""
    return Table(
        box=box.SIMPLE,
        show_edge=False,
        show_footer=footer,
        pad_edge=False,
        padding=(0, 1, 0, 0),
        header_style="bold",
        footer_style="bold",
    )
