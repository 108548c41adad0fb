"""``spear-deploy report``."""

from __future__ import annotations

from pathlib import Path

import click

from spear_deploy.cli.main import console_for
from spear_deploy.deployment.bundle import PAGE
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
    print_report(report, console)
    write_page(page, report)
    console.print(f"\npage: {plain(page)}", markup=False, soft_wrap=True)
