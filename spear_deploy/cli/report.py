"""``spear-deploy report``."""

from __future__ import annotations

from pathlib import Path

import click

from spear_deploy.cli.main import console_for
from spear_deploy.errors import InputError


@click.command("report")
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), help="File of the page; default BUNDLE/report.html.")
def report_command(bundle: Path, output: Path | None) -> None:
    """Show the report in BUNDLE and write it as one self-contained HTML page."""
    from spear_deploy.report.file import read_report
    from spear_deploy.report.html import write_page
    from spear_deploy.report.terminal import print_report

    report = read_report(bundle)
    console = console_for()
    page = output or bundle / "report.html"
    try:
        print_report(report, console)
        write_page(page, report)
    except (KeyError, TypeError) as error:
        raise InputError.of("E010", bundle / "report.json", f"is damaged: {error}", "deploy again") from error
    console.print(f"\npage: {page}", markup=False, soft_wrap=True)
