"""``spear-deploy inspect``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Column, Table

from spear_deploy.api.chips import ALL
from spear_deploy.cli.document import JSON_OPTION, Document, documented
from spear_deploy.cli.options import (
    DATA_OPTIONS,
    DECISION_OPTIONS,
    SEMANTICS_OPTIONS,
    WEIGHT_BITS_OPTION,
    resolve_data,
    take_semantics,
    with_options,
)
from spear_deploy.cli.output import VERBOSE_OPTION
from spear_deploy.data import Dataset, fit_to_network, load_data
from spear_deploy.decision import network_rule
from spear_deploy.errors import Finding, InputError, UnsupportedError
from spear_deploy.frontends import Imported, Semantics, load
from spear_deploy.frontends.net.sigma_delta import SigmaDeltaFileError
from spear_deploy.network import Network
from spear_deploy.network.normalisation import fold_transform
from spear_deploy.placement import Placement
from spear_deploy.printable import cells, plain
from spear_deploy.report.data import data_parts, describe_data
from spear_deploy.report.formats import plural
from spear_deploy.report.inspection import activity_data, network_data, placement_data
from spear_deploy.report.wording import spoken_semantics
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


@click.command("inspect")
@click.argument("model", type=click.Path(path_type=Path))
@with_options(SEMANTICS_OPTIONS, DATA_OPTIONS, DECISION_OPTIONS)
@click.option("--chip", help="Check against this chip: findings, cores, memory; all: against every chip, as a table.")
@WEIGHT_BITS_OPTION
@click.option(
    "--golden",
    type=click.Path(path_type=Path),
    metavar="TRACE",
    help="Compare with recorded spikes (.npz, or written by nir.write_data), and find the semantics that give them.",
)
@JSON_OPTION
@VERBOSE_OPTION
def inspect_command(model: Path, json_output: bool, verbose: bool, **options: Any) -> None:
    """Show the populations and projections of MODEL (.nir, .net), and with --chip whether it fits.

    With --chip all, which chips take it, at what cost, and what stands in the way on the others.

    With --chip and --data, how faithful the chip's integers are: a network that collapses in them is a finding.
    """
    with documented(as_document=json_output, verbose=verbose) as document:
        try:
            _inspect(model, dict(options), document)
        except SigmaDeltaFileError:
            from spear_deploy.cli.sigma_delta import inspect_sigma_delta

            inspect_sigma_delta(model, options, document)


def _inspect(model: Path, options: dict[str, Any], document: Document) -> None:
    chip, golden, named = options.pop("chip"), options.pop("golden"), options["semantics"]
    profile = load_chip(chip) if chip not in (None, ALL) else None
    lowering = _lowering(options.pop("weight_bits"), profile)
    semantics, overrides = take_semantics(options)
    imported = _load(model, semantics, overrides, golden)
    name, data = resolve_data(options)
    network, decide = imported.network, options["decide"]
    document.add(populations=network_data(network), semantics=asdict(imported.semantics))
    print_network(document.found["populations"], document.console)
    document.say(f"semantics: {spoken_semantics(asdict(imported.semantics))}")
    document.notes(imported.notes)
    if golden is not None:
        from spear_deploy.cli.golden import check_golden

        check_golden(model, imported, golden, named, overrides, document)
    ranges, dataset = {p.name: InputRange() for p in network.inputs}, None
    if name is not None:
        from spear_deploy.measure.ranges import input_range

        with document.waiting.step("data"):
            dataset = _load_data(network, name, data)
        network = fold_transform(network, dataset.transform)
        _tell_activity(network, dataset, decide, document)
        ranges = {network.inputs[0].name: input_range(dataset)}
    elif decide is not None:
        network_rule(network, decide)
    if chip == ALL:
        from spear_deploy.cli.matrix import compare

        compare(replace(imported, network=network), ranges, document)
    if profile is not None:
        findings = _on_chip(profile, network, ranges, lowering, dataset, decide, document)
        if findings:
            raise UnsupportedError(findings)


def _lowering(weight_bits: int | None, profile: ChipProfile | None) -> LoweringOptions:
    """Return how a network is lowered; raise :class:`InputError` (E007) for bits without one chip that has them."""
    if weight_bits is not None and (profile is None or isinstance(TARGETS.get(profile.target), CheckedTarget)):
        message = "rounds the weights for one chip that is emulated, and none is named"
        fix = "give --chip loihi2, or leave it out; a chip that is checked has the bits of its profile"
        raise InputError.of("E007", f"--weight-bits {weight_bits}", message, fix)
    lowering = LoweringOptions(weight_bits)
    if weight_bits is not None and profile is not None:
        compiler_for(profile, {}, lowering)
    return lowering


def _on_chip(
    profile: ChipProfile,
    network: Network,
    ranges: Mapping[str, InputRange],
    lowering: LoweringOptions,
    dataset: Dataset | None,
    decide: str | None,
    document: Document,
) -> tuple[Finding, ...]:
    """Print a network's placement on a chip, and with data the fidelity of its integers; return what does not fit."""
    target = TARGETS.get(profile.target)
    document.add(chip=profile.name)
    if isinstance(target, CheckedTarget):
        checked = target.check(profile, network)
        document.say(
            f"\n{plain(profile.title)} is checked, not emulated: rules and a count of cores are all that there is"
        )
        document.add(emulated=False, unmade=checked.unmade)
        if checked.placement is not None:
            tell_placement(checked.placement, profile, document)
        document.notes(checked.notes)
        return checked.findings
    compiler = compiler_for(profile, ranges, lowering)
    lowered = compiler.lower(network)
    document.add(emulated=True)
    tell_placement(lowered.placement, profile, document)
    document.notes(lowered.notes)
    collapse = () if dataset is None else _tell_fidelity(network, lowered, dataset, decide, compiler, document)
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


def print_network(populations: Sequence[Mapping[str, Any]], console: Console) -> None:
    """Print a table of populations."""
    fed_by = Column("fed by", overflow="fold")  # names stay whole on narrow terminals
    table = Table("population", fed_by, "shape", "neurons", "synapses", "prunable", box=None)
    for each in populations:
        chains = [f"{plain(one['name'])}: " + (">".join(one["ops"]) or "identity") for one in each["fed_by"]]
        row = (
            plain(each["name"]),
            "\n".join(chains) or "input",
            "x".join(map(str, each["shape"])),
            f"{each['neurons']:,}",
            f"{each['synapses']:,}",
            f"no, {each['kept_whole']}" if each["kept_whole"] else f"{each['shape'][0]} units",
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


def _tell_activity(network: Network, data: Dataset, decide: str | None, document: Document) -> None:
    """Run the network, into which the data's transform is folded, on the test samples."""
    from spear_deploy.measure.runs import measure_float

    rule = network_rule(network, decide)
    with document.waiting.step("float") as tick:
        activity = measure_float(network, data.test, decide=rule.name, tick=tick)
    told, found = describe_data(data), activity_data(network, activity, rule)
    document.add(data=told, activity=found)
    samples = plural(found["samples"], "test sample")
    lines = [
        f"\naccuracy {found['accuracy']:.2%} on {samples} of {plain(data.name)}, {data.steps} steps",
        f"decision: {rule.name}, {rule.text}",
        f"data: {data_parts(told)}",
    ]
    if not data.transform.is_identity:
        lines.append(f"input: fed raw, {data.transform} is folded into the first layer")
    for line in lines:
        document.say(line)
    document.notes(data.notes)
    table = Table("population", "spikes/sample", "SynOps/sample out", box=None)
    for each in found["populations"]:
        rate = "" if each["spikes"] is None else f"{each['spikes']:,.1f}"
        table.add_row(*cells(plain(each["name"]), rate, f"{each['synops']:,.0f}"))
    table.add_row("total", "", f"{found['synops']:,.0f}")
    document.console.print(table)


def _tell_fidelity(
    network: Network, lowered: Lowered, data: Dataset, decide: str | None, compiler: Compiler, document: Document
) -> tuple[Finding, ...]:
    """Print float beside chip on the test samples; return the findings of a collapse (E066)."""
    from spear_deploy.deployment.collapse import collapse_of
    from spear_deploy.measure.fidelity import measure_fidelity
    from spear_deploy.report.fidelity import fidelity_data
    from spear_deploy.report.terminal import print_fidelity

    with document.waiting.step("float -> chip") as tick:
        fidelity = measure_fidelity(network, lowered, data.test, decide=decide, tick=tick)
    document.add(fidelity=fidelity_data(fidelity))
    document.console.print()
    print_fidelity(document.found["fidelity"], document.console)
    return collapse_of(fidelity, lowered, compiler)


def tell_placement(placement: Placement, chip: ChipProfile, document: Document) -> None:
    """Print the placement of populations on a chip, and add it to the document."""
    found = placement_data(placement)
    document.add(placement={"of_cores": chip.cores, **found})
    table = Table("population", "cores", "tile", "neurons/core", "synapse words/core", "binding", box=None)
    for each in found["populations"]:
        table.add_row(
            *cells(plain(each["name"])),
            str(each["cores"]),
            "x".join(map(str, each["tile"])),
            str(each["neurons_per_core"]),
            str(each["synapse_words_per_core"]),
            f"{each['binding']} {each['utilisation'][each['binding']]:.0%}",
        )
    document.console.print()
    document.console.print(table)
    bits = found["memory_bits"]
    memory = f", {bits / 8192:,.1f} KiB of synaptic memory" if bits else ""
    document.say(f"{plural(found['cores'], 'core')} of {chip.cores:,}{memory}")
    for each in found["populations"]:
        used = ", ".join(f"{name} {share:.0%}" for name, share in each["utilisation"].items())
        document.explain(f"{plain(each['name'])}: of each core at most {used}")
