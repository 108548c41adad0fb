"""``spear-deploy import``."""

from __future__ import annotations

from pathlib import Path

import click

from spear_deploy.cli.document import JSON_OPTION, Document, documented
from spear_deploy.cli.options import Finite
from spear_deploy.errors import InputError


def _shape(ctx: click.Context, param: click.Parameter, value: str) -> tuple[int, ...]:
    words = [word.strip() for word in value.split(",")]
    if not all(word.isdecimal() and int(word) for word in words):
        raise InputError.of("E007", "--input", f"{value!r} is not a shape", "give 784, or 1,28,28")
    return tuple(map(int, words))


@click.command("import")
@click.argument("source", metavar="FILE.py:NAME")
@click.option("--input", "shape", callback=_shape, required=True, metavar="N,N,...", help="Shape of one step of input.")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="The .nir file to write.")
@click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the input that it is checked on."
)
@click.option(
    "--timeout",
    type=Finite(min=0, min_open=True),
    default=120.0,
    show_default=True,
    help="Seconds that the file's code may take.",
)
@JSON_OPTION
def import_command(
    source: str, shape: tuple[int, ...], output: Path, seed: int, timeout: float, json_output: bool
) -> None:
    """Write the module NAME of FILE.py (snnTorch, SpikingJelly, Norse, sinabs) as a NIR file, with its semantics.

    This runs FILE.py, in a process of its own with a time limit: import only files that you trust. NAME is a
    module with its weights, or a function without arguments that returns one. What was imported is run beside the
    module on random input, and every spike compared.
    Example: spear-deploy import mynet.py:net --input 1,28,28 -o net.nir
    """
    with documented(as_document=json_output) as document:
        _import(source, shape, output, seed=seed, timeout=timeout, document=document)


def _import(
    source: str, shape: tuple[int, ...], output: Path, *, seed: int, timeout: float, document: Document
) -> None:
    file, colon, name = source.rpartition(":")
    if not colon or not all(part.isidentifier() for part in name.split(".")):
        raise InputError.of("E007", source, "names no module of a file", "give FILE.py:NAME, such as mynet.py:net")

    from spear_deploy import frontends
    from spear_deploy.importers.isolated import import_file

    document.notes(import_file(Path(file), name, shape, output, seed=seed, timeout=timeout))
    network = frontends.load(output, None, {}).network
    names = [*(each.name for each in network.inputs), *(each.name for each in network.neurons)]
    populations = [{"name": name, "shape": list(network.shapes[name])} for name in names]
    document.add(file=output, populations=populations)
    told = f"{output}: {len(network.neurons)} populations, {sum(p.size for p in network.neurons):,} neurons"
    document.say(f"{told}; every spike as in the module")
    document.console.print(
        f"next: spear-deploy inspect {output} --chip loihi2", markup=False, soft_wrap=True, style="dim"
    )
