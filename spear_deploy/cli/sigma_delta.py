"""``inspect`` for ``.net`` files of sigma-delta neurons."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table

from spear_deploy.api.sigma_delta import load_sigma_delta
from spear_deploy.cli.document import Document
from spear_deploy.cli.options import load_for, resolve_data
from spear_deploy.errors import InputError, UnsupportedError
from spear_deploy.printable import cells, plain
from spear_deploy.report.formats import plural
from spear_deploy.targets import LoweredSigmaDelta, load_chip

if TYPE_CHECKING:
    from spear_deploy.data import DataOptions, Dataset
    from spear_deploy.measure.sigma_delta import Rounding

CHIP = "loihi2"
"""Whose registers those of a file are, where no chip is named."""


def inspect_sigma_delta(model: Path, options: dict[str, Any], document: Document) -> None:
    """Print the populations, with a chip their placement, and with data what they send.

    Raises :class:`UnsupportedError`: E021 for what is not made of sigma-delta networks, and what does not fit.
    """
    from spear_deploy.cli.inspect import print_network, tell_placement
    from spear_deploy.report.sigma_delta import sigma_delta_data

    chip, golden, bits = (options.pop(name) for name in ("chip", "golden", "weight_bits"))
    every = chip if chip == "all" else None
    for value, option in ((golden, "--golden"), (every, "--chip all"), (bits, "--weight-bits")):
        if value is not None:
            message = "is not made of sigma-delta networks"
            raise UnsupportedError.of("E021", option, message, "leave it out; --chip names one chip")
    name, data = resolve_data(options)
    lowered = load_sigma_delta(model, chip or CHIP)
    network = lowered.network
    document.add(populations=sigma_delta_data(network))
    print_network(document.found["populations"], document.console)
    lag = plural(network.latency, "step")
    document.say(f"sigma-delta: messages are signed integers; the output hears of the input {lag} later")
    document.notes(lowered.notes)
    if name is not None:
        refuse_transform(data)
        _tell_activity(lowered, load_for(lowered.program, name, data), options["decide"], document)
    if chip is not None:
        profile = load_chip(chip)
        document.add(chip=profile.name, emulated=True)
        tell_placement(lowered.placement, profile, document)
        if lowered.placement.findings:
            raise UnsupportedError(lowered.placement.findings)


def refuse_transform(options: DataOptions) -> None:
    """Raise :class:`InputError` (E016) for values that the first layer would have to take over."""
    if not options.transform.is_identity:
        fix = "save the integers that the file's encoder takes, and leave it out"
        message = "is folded into a first layer of float weights; a sigma-delta network has integers"
        raise InputError.of("E016", str(options.transform), message, fix)


def _tell_activity(lowered: LoweredSigmaDelta, data: Dataset, decide: str | None, document: Document) -> None:
    """Run the network on the test samples, and print messages and SynOps."""
    from spear_deploy.decision import program_rule
    from spear_deploy.measure.runs import measure_registers
    from spear_deploy.measure.sigma_delta import measure_rounding
    from spear_deploy.report.data import describe_data
    from spear_deploy.report.inspection import activity_data
    from spear_deploy.report.sigma_delta import register_notes

    program = lowered.program
    rule = program_rule(program, decide)
    with document.waiting.step("emulator") as tick:
        activity, clips = measure_registers(program, data.test, tick=tick, decide=rule.name)
    found = activity_data(program, activity, rule)
    document.add(data=describe_data(data), activity=found)
    samples = plural(found["samples"], "test sample")
    document.say(f"\n{samples} of {plain(data.name)}, {data.steps} steps, in the file's integers")
    document.notes(data.notes)
    with document.waiting.step("real numbers -> integers") as tick:
        roundings = measure_rounding(lowered, data.test, tick=tick)
    document.add(rounding={name: asdict(rounding) for name, rounding in roundings.items()})
    _print_activity(found, roundings, document)
    document.notes(register_notes(clips))


def _print_activity(found: Mapping[str, Any], roundings: Mapping[str, Rounding], document: Document) -> None:
    """Print what each population sends, and how far its integers are off real numbers."""
    table = Table("population", "messages/sample", "in real numbers", "SynOps/sample out", "off by, of", box=None)
    for each in found["populations"]:
        rounding = roundings.get(each["name"])
        messages = "" if each["spikes"] is None else f"{each['spikes']:,.1f}"
        real = off = ""
        if rounding is not None:
            off = f"{rounding.error:.3g} of {rounding.largest:.4g}"
            real = "" if rounding.messages_float is None else f"{rounding.messages_float / found['samples']:,.1f}"
        table.add_row(*cells(plain(each["name"]), messages, real, f"{each['synops']:,.0f}", off))
    table.add_row("total", "", "", f"{found['synops']:,.0f}")
    document.console.print(table)
