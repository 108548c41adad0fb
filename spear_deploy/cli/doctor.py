"""``spear-deploy doctor``."""

from __future__ import annotations

import json

import click

from spear_deploy.cli.main import console_for, ended_by


@click.command("doctor")
@click.option("--need", "needs", multiple=True, metavar="NAME", help="End with 6 unless this is there; several times.")
@click.option("--json", "json_output", is_flag=True, help="Print what was found as JSON on standard output.")
def doctor_command(needs: tuple[str, ...], json_output: bool) -> int:
    """Look at the environment, extras, frameworks and backends: what is missing, and the command that mends it.

    What is optional and missing is not an error, unless --need names it. Example: spear-deploy doctor --need search
    --need lava
    """
    from rich.table import Table
    from rich.text import Text

    from spear_deploy.api.doctor import describe, examine, readiness, unmet_needs
    from spear_deploy.report.terminal import Page

    checks = examine()
    error = unmet_needs(checks, needs)
    if json_output:
        click.echo(json.dumps(describe(checks), indent=2))
    else:
        grid = Table.grid(padding=(0, 2, 0, 0))
        for _ in range(4):
            grid.add_column(overflow="fold")
        for check in checks:
            good = check.state == "ok"
            mark = Text("ok" if good else check.state, style="green" if good else "yellow")
            grid.add_row(Text(check.name, style="bold"), mark, Text(check.found), Text(check.use, style="dim"))
        console = console_for()
        console.print(Page(grid), crop=console.is_terminal)
        for check in checks:  # below the table, whole, so that they can be copied
            if check.state != "ok":
                console.print(f"$ {check.mend}  # {check.name}", markup=False, highlight=False, soft_wrap=True)
        if error is None:
            console.print(readiness(checks), soft_wrap=True)
    return ended_by(error)
