"""``spear-deploy report``."""

from __future__ import annotations

from pathlib import Path

import click

from spear_deploy.cli.main import console_for
from spear_deploy.deployment.bundle import PAGE, REPORT
from spear_deploy.errors import InputError
from spear_deploy.printable import plain


@click.command("report")
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), help="File of the page; default BUNDLE/report.html.")
def report_command(bundle: Path, output: Path | None) -> None:
    """Show the report in BUNDLE and write it as one self-contained HTML page."""
    from spear_deploy.report.check import read_report
    from spear_deploy.report.html import write_page
    from spear_deploy.report.terminal import print_report

    report = read_report(bundle)
    console = console_for()
    page = output or bundle / PAGE
    try:
        write_page(page, report)  # shows all that the terminal does, and more
        print_report(report, console)
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        message = f"holds figures that cannot be shown: {plain(error)}"
        raise InputError.of("E010", bundle / REPORT, message, "deploy again") from error
    console.print(f"\npage: {plain(page)}", markup=False, soft_wrap=True)
