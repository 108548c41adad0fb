"""``spear-deploy inspect``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Column, Table

from spear_deploy.cli.main import console_for, print_notes
from spear_deploy.cli.options import (
    DATA_OPTIONS,
    DECISION_OPTIONS,
    SEMANTICS_OPTIONS,
    resolve_data,
    take_semantics,
    with_options,
)
from spear_deploy.data import Dataset, fit_to_network, load_data
from spear_deploy.decision import network_rule
from spear_deploy.errors import Finding, UnsupportedError
from spear_deploy.frontends import Imported, Semantics, load
from spear_deploy.network import Input, Network, Population
from spear_deploy.network.fan_out import synapse_count
from spear_deploy.network.normalisation import fold_transform
from spear_deploy.network.units import unit_groups
from spear_deploy.placement import Placement
from spear_deploy.printable import cells, plain
from spear_deploy.report.data import data_parts, describe_data
from spear_deploy.report.formats import plural
from spear_deploy.targets import (
    TARGETS,
    CheckedTarget,
    ChipProfile,
    Compiler,
    InputRange,
    Lowered,
    LoweringOptions,
    compiler_for,
    load_chip,
)

ALL = "all"
"""What ``--chip`` takes for every chip that comes with the tool."""


@click.command("inspect")
@click.argument("model", type=click.Path(path_type=Path))
@with_options(SEMANTICS_OPTIONS, DATA_OPTIONS, DECISION_OPTIONS)
@click.option("--chip", help="Check against this chip: findings, cores, memory; all: against every chip, as a table.")
@click.option(
    "--golden",
    type=click.Path(path_type=Path),
    metavar="TRACE",
    help="Compare with recorded spikes (.npz, or written by nir.write_data), and find the semantics that give them.",
)
def inspect_command(model: Path, chip: str | None, golden: Path | None, **options: Any) -> None:
    """Show the populations and projections of MODEL (.nir), and with --chip whether it fits.

    With --chip all, which chips take it, at what cost, and what stands in the way on the others.

    With --chip and --data, how faithful the chip's integers are: a network that collapses in them is a finding.
    """
    console = console_for()
    profile = load_chip(chip) if chip not in (None, ALL) else None
    named = options["semantics"]
    semantics, overrides = take_semantics(options)
    imported = _load(model, semantics, overrides, golden)
    name, data = resolve_data(options)
    network, decide = imported.network, options["decide"]
    _print_network(network, console)
    console.print(f"semantics: {json.dumps(asdict(imported.semantics))}", markup=False, soft_wrap=True)
    print_notes(imported.notes, console)
    if golden is not None:
        from spear_deploy.cli.golden import check_golden

        check_golden(model, imported, golden, named, overrides, console)
    ranges, dataset = {p.name: InputRange() for p in network.inputs}, None
    if name is not None:
        from spear_deploy.measure.ranges import input_range

        dataset = _load_data(network, name, data)
        network = fold_transform(network, dataset.transform)
        _print_activity(network, dataset, decide, console)
        ranges = {network.inputs[0].name: input_range(dataset)}
    elif decide is not None:
        network_rule(network, decide)
    if chip == ALL:
        from spear_deploy.cli.matrix import compare

        compare(replace(imported, network=network), ranges, console)
    if profile is not None:
        findings = _on_chip(profile, network, ranges, dataset, decide, console)
        if findings:
            raise UnsupportedError(findings)


def _on_chip(
    profile: ChipProfile,
    network: Network,
    ranges: Mapping[str, InputRange],
    dataset: Dataset | None,
    decide: str | None,
    console: Console,
) -> tuple[Finding, ...]:
    """Print how a network lies on a chip, and with data how faithful its integers are; return what does not fit."""
    target = TARGETS.get(profile.target)
    if isinstance(target, CheckedTarget):
        checked = target.check(profile, network)
        told = f"\n{plain(profile.title)} is checked, not emulated: rules and a count of cores are all that there is"
        console.print(told, markup=False, soft_wrap=True)
        if checked.placement is not None:
            _print_placement(checked.placement, profile, console)
        print_notes(checked.notes, console)
        return checked.findings
    compiler = compiler_for(profile, ranges, LoweringOptions())
    lowered = compiler.lower(network)
    _print_placement(lowered.placement, profile, console)
    print_notes(lowered.notes, console)
    collapse = () if dataset is None else _print_fidelity(network, lowered, dataset, decide, compiler, console)
    return (*lowered.placement.findings, *collapse)


def _load(model: Path, semantics: Semantics | None, overrides: dict[str, Any], golden: Path | None) -> Imported:
    """Load the model; without its semantics, a golden trace tells them."""
    try:
        return load(model, semantics, overrides)
    except UnsupportedError as error:
        if golden is None or [finding.code for finding in error.findings] != ["E020"]:
            raise
        from spear_deploy.cli.golden import semantics_error

        raise semantics_error(model, golden, overrides) from error


def _in_order(network: Network) -> list[Input | Population]:
    return [*network.inputs, *network.neurons]


def _print_network(network: Network, console: Console) -> None:
    fed_by = Column("fed by", overflow="fold")  # names stay whole on narrow terminals
    table = Table("population", fed_by, "shape", "neurons", "synapses", "prunable", box=None)
    groups = unit_groups(network)
    counts = {s.name: synapse_count(s, network.shapes) for s in network.synapses}
    for population in _in_order(network):
        incoming = network.into(population.name)
        chains = [f"{plain(p.name)}: " + (">".join(type(op).__name__ for op in p.ops) or "identity") for p in incoming]
        synapses = sum(counts[p.name] for p in incoming)
        reason = groups.frozen.get(population.name)
        shape = "x".join(map(str, population.shape))
        prunable = f"no, {reason}" if reason else f"{population.shape[0]} units"
        row = (
            plain(population.name),
            "\n".join(chains) or "input",
            shape,
            f"{population.size:,}",
            f"{synapses:,}",
            prunable,
        )
        table.add_row(*cells(*row))
    console.print(table)


def _load_data(network: Network, name: str, options: Any) -> Dataset:
    """Return the data as the network takes them."""

    if len(network.inputs) != 1:
        names = ", ".join(population.name for population in network.inputs)
        message = f"the network has several ({names}); data is fed into one"
        raise UnsupportedError.of("E021", "Input", message, "join them into one, or leave out --data")
    data = load_data(name, replace(options, network=network.ends))
    return fit_to_network(data, network.inputs[0].shape, network[network.outputs[0]].size)


def _print_activity(network: Network, data: Dataset, decide: str | None, console: Console) -> None:
    """Run the network, into which the data's transform is folded, on the test samples."""
    from spear_deploy.measure.runs import measure_float

    rule = network_rule(network, decide)
    activity = measure_float(network, data.test, decide=rule.name)
    told, samples = describe_data(data), plural(len(data.test), "test sample")
    lines = [
        f"\naccuracy {activity.accuracy:.2%} on {samples} of {plain(data.name)}, {data.steps} steps",
        f"decision: {rule.name}, {rule.text}",
        f"data: {data_parts(told)}",
    ]
    if not data.transform.is_identity:
        lines.append(f"input: fed raw, {data.transform} is folded into the first layer")
    for line in lines:
        console.print(line, markup=False, soft_wrap=True)
    print_notes(data.notes, console)
    table = Table("population", "spikes/sample", "SynOps/sample out", box=None)
    for population in _in_order(network):
        synops = sum(float(activity.synops[p.name].mean()) for p in network.out_of(population.name))
        spikes = activity.spikes.get(population.name)  # readouts have none
        rate = "" if spikes is None else f"{spikes.mean():,.1f}"
        table.add_row(*cells(plain(population.name), rate, f"{synops:,.0f}"))
    table.add_row("total", "", f"{activity.mean_synops:,.0f}")
    console.print(table)


def _print_fidelity(
    network: Network, lowered: Lowered, data: Dataset, decide: str | None, compiler: Compiler, console: Console
) -> tuple[Finding, ...]:
    """Print float beside chip on the test samples; return what was lost on the way (E066)."""
    from spear_deploy.deployment.fidelity import collapse_of
    from spear_deploy.measure.fidelity import measure_fidelity
    from spear_deploy.report.fidelity import fidelity_data
    from spear_deploy.report.terminal import print_fidelity

    fidelity = measure_fidelity(network, lowered, data.test, decide=decide)
    console.print()
    print_fidelity(fidelity_data(fidelity), console)
    return collapse_of(fidelity, lowered, compiler)


def _print_placement(placement: Placement, chip: ChipProfile, console: Console) -> None:
    table = Table("population", "cores", "tile", "neurons/core", "synapse words/core", "binding", box=None)
    for p in placement.populations:
        share = f"{p.binding} {p.utilisation[p.binding]:.0%}"
        table.add_row(
            *cells(plain(p.name)),
            str(p.cores),
            "x".join(map(str, p.tile)),
            str(p.neurons_per_core),
            str(p.synapse_words_per_core),
            share,
        )
    console.print()
    console.print(table)
    bits = placement.memory_bits
    memory = f", {bits / 8192:,.1f} KiB of synaptic memory" if bits else ""
    console.print(f"{plural(placement.cores, 'core')} of {chip.cores:,}{memory}")
