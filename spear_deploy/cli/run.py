"""``spear-deploy run``."""

from __future__ import annotations

from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from spear_deploy.backends import BACKENDS
from spear_deploy.cli.main import console_for
from spear_deploy.cli.options import BACKEND_OPTIONS, DATA_OPTIONS, NameIn, resolve_data, with_options
from spear_deploy.progress import Progress

if TYPE_CHECKING:
    from spear_deploy.data import Dataset, Split
    from spear_deploy.targets import Program


@click.command("run")
@click.argument("bundle", type=click.Path(path_type=Path))
@with_options(DATA_OPTIONS)
@click.option("--samples", type=click.IntRange(1), help="Use only the first N test samples.")
@click.option("--backend", type=NameIn(BACKENDS.names), default="emulator", show_default=True)
@with_options(BACKEND_OPTIONS)
@click.option("--device", help="Torch device that emulates, such as cuda. [default: this processor's own kernels]")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="File for the spikes (.h5).")
def run_command(bundle: Path, samples: int | None, output: Path | None, **options: Any) -> None:
    """Run BUNDLE on data (default: its own samples); print accuracy and SynOps, save the spikes with -o.

    The file holds /spikes/POPULATION, uint8 (N, T, *shape), and /potentials/POPULATION for readouts.
    """
    from spear_deploy.data import load_data
    from spear_deploy.deployment.bundle import read_bundle
    from spear_deploy.execution import Execution
    from spear_deploy.measure.runs import measure_program, payloads
    from spear_deploy.validate.run import run_on, write_run

    backend, timeout, device = (options.pop(name) for name in ("backend", "timeout", "device"))
    if device is not None and (backend != "emulator" or output is not None or options["data"] is None):
        raise click.UsageError("--device measures --data on the emulator; it is not for another --backend or -o")
    execution = Execution(device=device or "cpu")
    execution.check_device()
    console = console_for()
    opened = read_bundle(bundle)
    program = opened.program
    (port,) = program.inputs
    name, data = resolve_data(options)
    split = _test_split(load_data(name, data), program, samples) if name is not None else None
    with Progress(console).step(backend) as tick:
        if split is not None and backend == "emulator" and output is None:
            # Batch after batch: nothing needs all rasters at once.
            activity = measure_program(program, split, execution, tick=tick)
        else:
            x, y = (opened.x, opened.y) if split is None else (payloads(port, split), split.labels[split.indices])
            run = run_on(backend, program, x[:samples], y[:samples], timeout=timeout, tick=tick)
            activity = run.activity
    synops = activity.mean_synops
    console.print(f"accuracy {activity.accuracy:.2%} on {len(activity.labels)} samples, {synops:,.0f} SynOps a sample")
    if output is not None:
        write_run(output, program, run)
        console.print(f"spikes: {output}", markup=False, soft_wrap=True)


def _test_split(data: Dataset, program: Program, samples: int | None) -> Split:
    from spear_deploy.data import fit_to_network

    (port,) = program.inputs
    data = fit_to_network(data, port.shape, prod(program.shapes[program.outputs[0]]))
    return data.test.head(samples or len(data.test))
