"""``spear-deploy export``."""

from __future__ import annotations

from pathlib import Path

import click

from spear_deploy.cli.main import console_for
from spear_deploy.errors import UnsupportedError
from spear_deploy.printable import plain


@click.command("export")
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), required=True, help="The file to write, such as x.net."
)
def export_command(bundle: Path, output: Path) -> None:
    """Write BUNDLE's program in a format that a vendor's tool loads, by the file's suffix.

    .net: lava-dl's, which its netx loads on Loihi 2.  netx takes chains of layers only, with weights and biases of its
    own limits (docs/netx.md); what it would not run bit for bit is refused with all reasons.
    """
    from spear_deploy.deployment.bundle import read_bundle
    from spear_deploy.targets import emulated_target

    program = read_bundle(bundle).program
    exporters = emulated_target(program.target).exporters
    kind = output.suffix.removeprefix(".")
    if kind not in exporters:
        message = f"programs of {program.target} are not exported to {output.suffix or 'a file without suffix'}"
        raise UnsupportedError.of("E038", output, message, f"one of: {', '.join(f'.{name}' for name in exporters)}")
    exporters[kind].write(output, program)
    console_for().print(f"{kind}: {plain(output)}", markup=False, soft_wrap=True)
