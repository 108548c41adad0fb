"""``spear-deploy export``."""

from __future__ import annotations

from pathlib import Path

import click

from spear_deploy.cli.main import console_for


@click.command("export")
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="The .net file to write.")
def export_command(bundle: Path, output: Path) -> None:
    """Write BUNDLE's program in lava-dl's .net format, which its netx loads on Loihi 2.

    netx takes chains of layers only, with weights and biases of its own limits (docs/netx.md); what it would
    not run bit for bit is refused with all reasons.
    """
    from spear_deploy.deployment.bundle import read_bundle
    from spear_deploy.targets.loihi.net_export import write_net

    write_net(output, read_bundle(bundle).program)
    console_for().print(f"netx: {output}")
