"""``inspect --golden``: compare the network with a recording, and say which options would reproduce it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from spear_deploy.api.lower import lower
from spear_deploy.cli.document import Document
from spear_deploy.errors import MismatchError, SpearError
from spear_deploy.frontends import PRESETS, Imported
from spear_deploy.frontends.nir import file as nir_file
from spear_deploy.frontends.nir.reader import convert, missing_semantics
from spear_deploy.printable import cells, plain
from spear_deploy.targets import Lowered
from spear_deploy.validate.golden import Agreement, Golden, compare, on_chip
from spear_deploy.validate.semantics_search import Fit, candidates, search
from spear_deploy.validate.trace_file import read_golden

_NEAREST = 3
_CHIP = "loihi2"
"""Whose integers those of a .net file are."""
_OF_INTEGERS = (
    "check that the trace is of this file, recorded by netx or Lava, and that its input is what was fed there"
)
_OF_FLOAT = (
    "a .net file has netx's semantics, whose integers round decays in every step, and this network is float: a few\n"
    "     bins are that"
)
_PRESETS = {f"--semantics {name}": semantics for name, (semantics, _) in PRESETS.items()}


def check_golden(
    model: Path, imported: Imported, trace: Path, named: str | None, overrides: Mapping[str, Any], document: Document
) -> None:
    """Print how many recorded bins each population misses: in float, or of a .net file in the integers that it holds.

    ``named`` is what --semantics was given, and ``overrides`` the fields beside it.

    Raises :class:`InputError` (E001, E014), and :class:`MismatchError` (E051) with the options that would fit.
    """
    golden = read_golden(trace, imported.network, imported.semantics.dt)
    lowered, beside = _integers(imported, golden) if model.suffix == ".net" else (None, "the float network")
    with document.waiting.step("golden trace"):
        agreement = compare(imported.network, golden, None if lowered is None else on_chip(lowered))
    document.add(golden={**_golden_data(golden, agreement), "beside": "float" if lowered is None else _CHIP})
    table = Table("population", "recorded bins", "differ", box=None)
    for name, bins in agreement.bins.items():
        table.add_row(*cells(plain(name), f"{bins:,}", f"{agreement.mismatches[name]:,}"))
    document.say(f"\ngolden trace: {golden.samples} samples of {golden.steps} steps, beside {beside}")
    document.console.print(table)
    verdict = f"{agreement.total:,} of {golden.bins:,} recorded bins differ"
    document.say(verdict)
    if agreement.first is not None:
        message = f"{verdict}; the first at {agreement.first}"
        if model.suffix == ".net":
            raise MismatchError.of("E051", trace, message, _OF_FLOAT if lowered is None else _OF_INTEGERS)
        given = " ".join(filter(None, (named and f"--semantics {named}", *map(_option, overrides.items()))))
        bases = {given: imported.semantics} | (_PRESETS if named else {})
        graph = nir_file.read(model)
        fits = search(graph, golden, candidates(graph, bases, _numbers(overrides)))
        raise MismatchError.of("E051", trace, message, _advice(fits, golden))


def _integers(imported: Imported, golden: Golden) -> tuple[Lowered | None, str]:
    """Return the integers that a .net file holds, and words for what is compared; None where they cannot be made."""
    network = imported.network
    if any(population.neuron.is_readout and population.name in golden.spikes for population in network.neurons):
        return None, "the float network: membranes of integers have another unit"
    inputs = {name: np.moveaxis(values, 1, 0) for name, values in golden.inputs.items()}
    try:
        return lower(imported, _CHIP, calibration=inputs), f"the file's integers on {_CHIP}"
    except SpearError as error:
        return None, f"the float network: {_CHIP} does not take the file's integers ({error.findings[0].code})"


def _golden_data(golden: Golden, agreement: Agreement) -> dict[str, Any]:
    differ = agreement.mismatches
    rows = [{"name": name, "bins": bins, "differ": differ[name]} for name, bins in agreement.bins.items()]
    whole = {"samples": golden.samples, "steps": golden.steps, "bins": golden.bins, "differ": agreement.total}
    return {**whole, "populations": rows}


def semantics_error(model: Path, trace: Path, overrides: Mapping[str, Any]) -> SpearError:
    """Return the error (E020) that says with which presets and options a file gives the recorded spikes.

    Raises :class:`InputError` (E001, E014), and what the importer raises for every preset.
    """
    graph = nir_file.read(model)
    tried = candidates(graph, _PRESETS, _numbers(overrides))
    imported = convert(graph, tried[0].semantics)
    golden = read_golden(trace, imported.network, overrides.get("dt", imported.semantics.dt))
    return missing_semantics(model, _advice(search(graph, golden, tried), golden))


def _advice(fits: list[Fit], golden: Golden) -> str:
    matching = [fit for fit in fits if not fit.mismatches]
    if matching:
        return "\n".join(["these options give every recorded spike:", *(f"       {fit.options}" for fit in matching)])
    nearest = (f"       {fit.options or 'as it was read'}: {fit.mismatches:,} bins" for fit in fits[:_NEAREST])
    none = "no preset, and no variant of one, gives every recorded spike; the nearest are"
    read = f"     read as {golden.samples} samples of {golden.steps} steps"
    return "\n".join([none, *nearest, f"{read}; if its axes are (steps, samples, ...), swap them"])


def _numbers(overrides: Mapping[str, Any]) -> dict[str, float]:
    return {key: overrides[key] for key in ("dt", "floor") if key in overrides}


def _option(override: tuple[str, Any]) -> str:
    key, value = override
    if key == "reset_delay":
        return "--reset-delay" if value else "--no-reset-delay"
    return f"--{key} {value}"
