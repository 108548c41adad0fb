"""``spear-deploy report``."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from spear_deploy.cli.document import errors_documented
from spear_deploy.cli.main import console_for, print_notes
from spear_deploy.deployment.bundle import PAGE, REPORT
from spear_deploy.deployment.options import SWEEP, SWEEP_PAGE
from spear_deploy.errors import InputError
from spear_deploy.printable import plain
from spear_deploy.storage import is_file, is_folder

if TYPE_CHECKING:
    from rich.console import Console

    from spear_deploy.report.pictures.svg import Drawing


@dataclass(frozen=True, eq=False)
class _Shown:
    """Data of the file ``source``, and how they are printed, drawn, and written as a page and as tables."""

    data: dict[str, Any]
    source: Path
    page: Path
    print: Callable[[dict[str, Any], Console], None]
    write_page: Callable[[Path, dict[str, Any]], None]
    drawn: Callable[[dict[str, Any]], Sequence[Drawing]]
    tables: Callable[[dict[str, Any]], Mapping[str, Sequence[Mapping[str, Any]]]]


@click.command("report")
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), help="File of the page; default BUNDLE/report.html.")
@click.option(
    "--figures", type=click.Path(path_type=Path), help="Folder to write the page's pictures to, as SVG and PNG."
)
@click.option("--csv", "tables", type=click.Path(path_type=Path), help="Folder to write the tables to, as CSV.")
@click.option("--json", "json_output", is_flag=True, help="Print the report as JSON on standard output.")
def report_command(
    bundle: Path, output: Path | None, figures: Path | None, tables: Path | None, json_output: bool
) -> None:
    """Show the report in BUNDLE and write it as one self-contained HTML page.

    Of the folder of a sweep its table and answer; the page is sweep.html then.
    """
    with errors_documented(as_document=json_output):
        console = console_for(stderr=json_output)
        shown = _sweep(bundle) if _is_sweep(bundle) else _report(bundle)
        _show(shown, output or shown.page, figures, console)
        if tables is not None:
            from spear_deploy.report.csv_tables import write_csv

            for each in write_csv(tables, shown.tables(shown.data)):
                console.print(f"table: {plain(each)}", markup=False, soft_wrap=True)
    if json_output:
        click.echo(json.dumps(shown.data, indent=2))


def _is_sweep(path: Path) -> bool:
    return is_file(path / SWEEP) if is_folder(path) else path.name == SWEEP and is_file(path)


def _report(path: Path) -> _Shown:
    from spear_deploy.deployment.bundle import source_units
    from spear_deploy.report.check import read_report
    from spear_deploy.report.csv_tables import report_tables
    from spear_deploy.report.html import write_page
    from spear_deploy.report.neurons import neuron_rows
    from spear_deploy.report.pictures import drawings
    from spear_deploy.report.terminal import print_report

    def drawn(report: dict[str, Any]) -> list[Drawing]:
        return [each for part in drawings(report).values() for each in part]

    def tables(report: dict[str, Any]) -> Mapping[str, Sequence[Mapping[str, Any]]]:
        sources = source_units(path if is_folder(path) else path.parent)
        return {**report_tables(report), "neurons": neuron_rows(report, sources)}

    return _Shown(read_report(path), path / REPORT, path / PAGE, print_report, write_page, drawn, tables)


def _sweep(path: Path) -> _Shown:
    from spear_deploy.report.sweep import print_sweep, sweep_picture, write_sweep_page
    from spear_deploy.report.sweep_file import read_sweep, sweep_rows

    def drawn(result: dict[str, Any]) -> list[Drawing]:
        picture = sweep_picture(result)
        return [] if picture is None else [picture]

    source = path / SWEEP if is_folder(path) else path
    result, page = read_sweep(source), source.with_name(SWEEP_PAGE)
    return _Shown(result, source, page, print_sweep, write_sweep_page, drawn, lambda it: {"points": sweep_rows(it)})


def _show(shown: _Shown, page: Path, figures: Path | None, console: Console) -> None:
    from spear_deploy.report.figures import write_png, write_svg

    try:
        shown.write_page(page, shown.data)  # shows all that the terminal does, and more
        shown.print(shown.data, console)
        drawn = [] if figures is None else write_svg(figures, shown.drawn(shown.data))
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        message = f"holds figures that cannot be shown: {plain(error)}"
        raise InputError.of("E010", shown.source, message, "deploy again") from error
    console.print(f"\npage: {plain(page)}", markup=False, soft_wrap=True)
    pixels, note = write_png(drawn) if drawn else ([], None)
    for each in (*drawn, *pixels):
        console.print(f"figure: {plain(each)}", markup=False, soft_wrap=True)
    print_notes([note] if note is not None else [], console)
