"""``spear-deploy run``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from spear_deploy.backends import BACKENDS
from spear_deploy.cli.document import JSON_OPTION, Document, documented
from spear_deploy.cli.opening import open_program
from spear_deploy.cli.options import (
    BACKEND_OPTIONS,
    DATA_OPTIONS,
    DECISION_OPTIONS,
    NameIn,
    load_for,
    resolve_data,
    with_options,
)
from spear_deploy.cli.output import VERBOSE_OPTION
from spear_deploy.printable import plain
from spear_deploy.progress import Progress
from spear_deploy.report.formats import plural

if TYPE_CHECKING:
    from spear_deploy.data import DataOptions, Split
    from spear_deploy.targets import Program


@click.command("run")
@click.argument("bundle", type=click.Path(path_type=Path))
@with_options(DATA_OPTIONS, DECISION_OPTIONS)
@click.option("--samples", type=click.IntRange(1), help="Use only the first N test samples.")
@click.option("--backend", type=NameIn(BACKENDS.names), default="emulator", show_default=True)
@with_options(BACKEND_OPTIONS)
@click.option("--device", help="Torch device that emulates, such as cuda. [default: this processor's own kernels]")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="File for the spikes (.h5).")
@JSON_OPTION
@VERBOSE_OPTION
def run_command(json_output: bool, verbose: bool, **options: Any) -> None:
    """Run BUNDLE on data (default: its own samples); print accuracy and SynOps, save the spikes with -o.

    A .net file of sigma-delta neurons is run as it stands, on --data; its messages are counted and saved as spikes.

    Classes are read by the rule that it was deployed with, unless --decide names another.

    The file holds /spikes/POPULATION, uint8 (N, T, *shape), and /potentials/POPULATION for readouts.
    """
    with documented(as_document=json_output, verbose=verbose) as document:
        _run(options, document)


def _run(options: dict[str, Any], document: Document) -> None:
    from spear_deploy.decision import program_rule
    from spear_deploy.execution import Execution
    from spear_deploy.measure.runs import payloads
    from spear_deploy.report.inspection import activity_data
    from spear_deploy.validate.run import RunOptions, run_on, write_run

    bundle, samples, output = (options.pop(name) for name in ("bundle", "samples", "output"))
    backend, timeout, device, jobs = (options.pop(name) for name in ("backend", "timeout", "device", "jobs"))
    if device is not None and (backend != "emulator" or output is not None or options["data"] is None):
        raise click.UsageError("--device measures --data on the emulator; it is not for another --backend or -o")
    execution = Execution(device=device or "cpu")
    execution.check_device()
    name, data = resolve_data(options)
    opened = open_program(bundle, name, data)
    program = opened.program
    rule = program_rule(program, options["decide"] or opened.decide)
    (port,) = program.inputs
    split = None if name is None else test_split(name, data, program, samples, document)
    with Progress(document.console).step(backend) as tick:
        if split is not None and backend == "emulator" and output is None:
            # Batch after batch: nothing needs all rasters at once.
            activity, notes = opened.measure(program, split, execution, tick=tick, decide=rule.name)
        else:
            x, y = (opened.x, opened.y) if split is None else (payloads(port, split), split.labels[split.indices])
            how = RunOptions(timeout, tick, rule.name, jobs)
            run = run_on(backend, program, x[:samples], y[:samples], how)
            activity, notes = run.activity, ()
    document.notes(notes)
    document.add(bundle=bundle, backend=backend, activity=activity_data(program, activity, rule))
    tell_populations(document, rule.text)
    synops = activity.mean_synops
    number = plural(len(activity.labels), "sample")
    document.say(f"accuracy {activity.accuracy:.2%} on {number} by {rule.name}, {synops:,.0f} SynOps a sample")
    if output is not None:
        write_run(output, program, run)
        document.add(spikes=output)
        document.say(f"spikes: {plain(output)}")


def tell_populations(document: Document, rule: str) -> None:
    """Print how classes were read and what each population did, if that was asked for."""
    document.explain(f"classes are read by: {rule}")
    for each in document.found["activity"]["populations"]:
        spikes = "" if each["spikes"] is None else f"{each['spikes']:,.1f} spikes, "
        document.explain(f"{plain(each['name'])}: {spikes}{each['synops']:,.0f} SynOps out a sample")


def test_split(name: str, options: DataOptions, program: Program, count: int | None, document: Document) -> Split:
    """Return the first ``count`` test samples (None: all) as the program takes them; print how they were read."""
    data = load_for(program, name, options)
    # N009 is of a network's usual range, which says nothing of a program: it has taken the scale over.
    for note in data.notes:
        if note.code == "N006":
            document.notes([note])
        else:
            document.explain(str(note))
    return data.test.head(count or len(data.test))
