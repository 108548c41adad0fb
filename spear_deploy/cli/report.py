"""``spear-deploy report``."""

from __future__ import annotations

import json
from pathlib import Path

import click

from spear_deploy.cli.main import console_for
from spear_deploy.errors import InputError
from spear_deploy.printable import plain
from spear_deploy.storage import is_file


@click.command("report")
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), help="File of the page; default BUNDLE/report.html.")
def report_command(bundle: Path, output: Path | None) -> None:
    """Show the report in BUNDLE and write it as one self-contained HTML page."""
    from spear_deploy.report.html import write_page
    from spear_deploy.report.schema import VERSION
    from spear_deploy.report.terminal import print_report

    path = bundle / "report.json"
    if not is_file(path):
        raise InputError.of("E001", path, "there is no report", "run spear-deploy deploy first")
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError.of("E010", path, f"is damaged: {error}", "deploy again") from error
    if not isinstance(report, dict) or report.get("schema") != VERSION:
        raise InputError.of("E010", path, "is no report of this version", "deploy again")
    console = console_for()
    page = output or bundle / "report.html"
    try:
        print_report(report, console)
        write_page(page, report)
    except (KeyError, TypeError) as error:
        raise InputError.of("E010", path, f"is damaged: {error}", "deploy again") from error
    console.print(f"\npage: {plain(page)}", markup=False, soft_wrap=True)
