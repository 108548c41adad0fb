"""``spear-deploy diff``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from spear_deploy.cli.document import errors_documented
from spear_deploy.cli.main import console_for, ended_by
from spear_deploy.errors import InputError


@click.command("diff")
@click.argument("a", type=click.Path(path_type=Path))
@click.argument("b", type=click.Path(path_type=Path))
@click.option(
    "--tolerance",
    "tolerances",
    multiple=True,
    metavar="NAME=N|NAME=N%",
    help="How much worse B may be, such as accuracy=0.5 (points) or synops=5%; may be given several times.",
)
@click.option("--json", "form", flag_value="json", help="Print the comparison as JSON on standard output.")
@click.option("--markdown", "form", flag_value="markdown", help="Print it as Markdown.")
def diff_command(a: Path, b: Path, tolerances: tuple[str, ...], form: str | None) -> int:
    """Compare the reports of two bundles, A before and B after: budgets, accuracy, layers, cores, fidelity.

    Ends with 4 where a figure of B is worse by more than its --tolerance: a gate for continuous integration.
    """
    from spear_deploy.report.compare import error_beyond, markdown

    with errors_documented(as_document=form == "json"):
        found = _compared(a, b, tolerances)
    names = _names(a, b)
    if form == "json":
        click.echo(json.dumps(found, indent=2))
    elif form == "markdown":
        click.echo(markdown(found, names), nl=False)
    else:
        _print(found, names)
    return ended_by(error_beyond(found))


def _compared(a: Path, b: Path, tolerances: tuple[str, ...]) -> dict[str, Any]:
    from spear_deploy.report.check import read_report
    from spear_deploy.report.compare import Tolerance, compare

    allowed = [Tolerance.of(each) for each in tolerances]
    reports = read_report(a), read_report(b)
    try:
        return compare(*reports, allowed)
    except (KeyError, TypeError) as error:
        raise InputError.of("E010", f"{a}, {b}", f"one is damaged: {error}", "deploy again") from error


def _names(a: Path, b: Path) -> tuple[str, str]:
    """Return what the two are called: their folders' names, or their paths where these are alike."""
    names = tuple(path.resolve().name for path in (a, b))
    return (names[0], names[1]) if names[0] != names[1] else (str(a), str(b))


def _print(found: dict[str, object], names: tuple[str, str]) -> None:
    from rich.text import Text

    from spear_deploy.report.compare import tables
    from spear_deploy.report.tables import plain_table

    console = console_for()
    for head, rows in tables(found, names):
        if rows:
            table = plain_table(footer=False)
            for index, title in enumerate(head):
                table.add_column(Text(title), justify="right" if index else "left", no_wrap=True)
            for cells in rows:
                table.add_row(*map(Text, cells))
            console.print(table)
