"""``spear-deploy run``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from spear_deploy.cli.main import console_for
from spear_deploy.cli.options import data_options, resolve_data
from spear_deploy.errors import InputError
from spear_deploy.progress import Progress

if TYPE_CHECKING:
    from spear_deploy.data.datasets import Dataset, Split
    from spear_deploy.targets.loihi.program import ChipProgram


@click.command("run")
@click.argument("bundle", type=click.Path(path_type=Path))
@data_options
@click.option("--samples", type=click.IntRange(1), help="Use only the first N test samples.")
@click.option("--backend", type=click.Choice(["lava", "emulator"]), default="emulator", show_default=True)
@click.option("--timeout", type=click.FloatRange(min=0, min_open=True), help="Time limit of the backend in seconds.")
@click.option("--device", help="Torch device that emulates, such as cuda. [default: this processor's own kernels]")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="File for the spikes (.h5).")
def run_command(
    bundle: Path,
    samples: int | None,
    backend: str,
    timeout: float | None,
    device: str | None,
    output: Path | None,
    **options: Any,
) -> None:
    """Run BUNDLE on data (default: its own samples); print accuracy and SynOps, save the spikes with -o.

    The file holds /spikes/POPULATION, uint8 (N, T, *shape), and /potentials/POPULATION for readouts.
    """
    from spear_deploy.data.datasets import load_data
    from spear_deploy.deployment.bundle import read_bundle
    from spear_deploy.measure.runs import measure_chip, payloads
    from spear_deploy.validate.record import record_run, write_record

    if device is not None and (backend == "lava" or output is not None or options["data"] is None):
        raise click.UsageError("--device measures --data on the emulator; it is not for --backend lava or -o")
    console = console_for()
    opened = read_bundle(bundle)
    program = opened.program
    (port,) = program.inputs
    name, data = resolve_data(options)
    split = _test_split(load_data(name, data), program, samples) if name is not None else None
    with Progress(console).step(backend) as tick:
        if split is not None and backend == "emulator" and output is None:
            # Batch after batch: nothing needs all rasters at once.
            activity = measure_chip(program, split, tick, _checked(device))
        else:
            x, y = (opened.x, opened.y) if split is None else (payloads(port, split), split.labels[split.indices])
            record = record_run(program, opened.program_file, x[:samples], y[:samples], backend, timeout, tick)
            activity = record.activity
    synops = activity.mean_synops
    console.print(f"accuracy {activity.accuracy:.2%} on {len(activity.labels)} samples, {synops:,.0f} SynOps a sample")
    if output is not None:
        write_record(output, record)
        console.print(f"spikes: {output}", markup=False, soft_wrap=True)


def _checked(device: str | None) -> str | None:
    """Return a device that can compute; raise :class:`InputError` (E008) for any other."""
    import torch

    try:
        torch.zeros(1, device=device or "cpu").cpu()
    except (RuntimeError, AssertionError) as error:
        message = f"cannot compute: {str(error).splitlines()[0]}"
        raise InputError.of("E008", f"--device {device}", message, "leave it out, or name cuda with a GPU") from error
    return device


def _test_split(data: Dataset, program: ChipProgram, samples: int | None) -> Split:
    from spear_deploy.data.datasets import fitted

    (port,) = program.inputs
    data = fitted(data, port.shape, program.population(program.outputs[0]).size)
    return data.test.head(samples or len(data.test))
