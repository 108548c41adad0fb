"""``spear-deploy report``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from spear_deploy.cli.document import errors_documented
from spear_deploy.cli.main import console_for, print_notes
from spear_deploy.deployment.bundle import PAGE, REPORT
from spear_deploy.errors import InputError
from spear_deploy.printable import plain

if TYPE_CHECKING:
    from rich.console import Console


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
    """Show the report in BUNDLE and write it as one self-contained HTML page."""
    with errors_documented(as_document=json_output):
        console = console_for(stderr=json_output)
        report = _reported(bundle, output or bundle / PAGE, figures, console)
        if tables is not None:
            from spear_deploy.report.csv_tables import write_csv

            for each in write_csv(tables, report):
                console.print(f"table: {plain(each)}", markup=False, soft_wrap=True)
    if json_output:
        click.echo(json.dumps(report, indent=2))


def _reported(bundle: Path, page: Path, figures: Path | None, console: Console) -> dict[str, Any]:
    from spear_deploy.report.check import read_report
    from spear_deploy.report.figures import write_png, write_svg
    from spear_deploy.report.html import write_page
    from spear_deploy.report.terminal import print_report

    report = read_report(bundle)
    try:
        write_page(page, report)  # shows all that the terminal does, and more
        print_report(report, console)
        drawn = [] if figures is None else write_svg(figures, report)
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        message = f"holds figures that cannot be shown: {plain(error)}"
        raise InputError.of("E010", bundle / REPORT, message, "deploy again") from error
    console.print(f"\npage: {plain(page)}", markup=False, soft_wrap=True)
    pixels, note = write_png(drawn) if drawn else ([], None)
    for each in (*drawn, *pixels):
        console.print(f"figure: {plain(each)}", markup=False, soft_wrap=True)
    print_notes([note] if note is not None else [], console)
    return report
