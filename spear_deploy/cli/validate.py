"""``spear-deploy validate``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from spear_deploy.backends import default_prover, proving_backends
from spear_deploy.cli.document import JSON_OPTION, Document, documented
from spear_deploy.cli.opening import open_program
from spear_deploy.cli.options import (
    BACKEND_OPTIONS,
    DATA_OPTIONS,
    DECISION_OPTIONS,
    NameIn,
    resolve_data,
    with_options,
)
from spear_deploy.cli.output import VERBOSE_OPTION
from spear_deploy.cli.run import tell_populations, test_split
from spear_deploy.errors import MismatchError
from spear_deploy.progress import Progress


@click.command("validate")
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option(
    "--backend",
    type=NameIn(proving_backends),
    help="What the emulator is compared with. [default: the first that serves the chip]",
)
@click.option("--samples", type=click.IntRange(1), help="Use only the first N samples.")
@with_options(DATA_OPTIONS, BACKEND_OPTIONS, DECISION_OPTIONS)
@JSON_OPTION
@VERBOSE_OPTION
def validate_command(json_output: bool, verbose: bool, **options: Any) -> None:
    """Run the samples in BUNDLE, or test samples of --data, on the backend and compare every spike with the emulator.

    A .net file of sigma-delta neurons is run as it stands, on --data; its messages are what is compared.
    """
    with documented(as_document=json_output, verbose=verbose) as document:
        _validate(document=document, **options)


def _validate(bundle: Path, samples: int | None, document: Document, **options: Any) -> None:
    from spear_deploy.decision import program_rule
    from spear_deploy.measure.runs import payloads
    from spear_deploy.report.inspection import activity_data
    from spear_deploy.validate.run import RunOptions, validate_on

    name, data = resolve_data(options)
    opened = open_program(bundle, name, data)
    backend = options["backend"] or default_prover(opened.program.target)
    rule = program_rule(opened.program, options["decide"] or opened.decide)
    x, y = opened.x[:samples], opened.y[:samples]
    if name is not None:
        split = test_split(name, data, opened.program, samples, document)
        x, y = payloads(opened.program.inputs[0], split), split.own_labels
    with Progress(document.console).step(backend) as tick:
        how = RunOptions(options["timeout"], tick, rule.name, options["jobs"])
        run = validate_on(backend, opened.program, x, y, how)
    verdict = run.validation
    activity = activity_data(opened.program, run.activity, rule)
    document.add(bundle=bundle, validation=asdict(verdict), activity=activity, seconds=run.seconds)
    tell_populations(document, rule.text)
    document.console.print(
        f"{verdict.backend}: {verdict.samples} samples x {verdict.steps} steps, {len(verdict.populations)} "
        f"populations, {verdict.bins:,} bins, {verdict.spikes:,} spikes, [bold]{verdict.mismatches} mismatches[/]",
        soft_wrap=True,
    )
    synops, accuracy = run.activity.mean_synops, run.activity.accuracy
    document.say(f"SynOps a sample {synops:,.0f}, accuracy {accuracy:.2%} by {rule.name}")
    if verdict.mismatches:
        raise MismatchError.of("E050", bundle, f"first divergence at {verdict.first_divergence}")
