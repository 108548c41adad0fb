"""What ``inspect --golden`` does: compare the network with a recording, and say which options would fit it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.table import Table

from spear_deploy.cli.document import Document
from spear_deploy.errors import MismatchError, SpearError
from spear_deploy.frontends import PRESETS, Imported
from spear_deploy.frontends.nir import file as nir_file
from spear_deploy.frontends.nir.reader import convert, missing_semantics
from spear_deploy.printable import cells, plain
from spear_deploy.validate.golden import Agreement, Golden, compare
from spear_deploy.validate.semantics_search import Fit, candidates, search
from spear_deploy.validate.trace_file import read_golden

_NEAREST = 3
_OF_INTEGERS = (
    "a .net file has netx's semantics, whose integers round decays in every step, and this network is float: a few\n"
    "     bins are that; spear_deploy.lower(spear_deploy.load(FILE)).emulate(x) gives the integers' spikes"
)
_PRESETS = {f"--semantics {name}": semantics for name, (semantics, _) in PRESETS.items()}


def check_golden(
    model: Path, imported: Imported, trace: Path, named: str | None, overrides: Mapping[str, Any], document: Document
) -> None:
    """Print how many recorded bins each population misses.

    ``named`` is what --semantics was given, and ``overrides`` the fields beside it.

    Raises :class:`InputError` (E001, E014), and :class:`MismatchError` (E051) with the options that would fit.
    """
    golden = read_golden(trace, imported.network, imported.semantics.dt)
    with document.waiting.step("golden trace"):
        agreement = compare(imported.network, golden)
    document.add(golden=_golden_data(golden, agreement))
    table = Table("population", "recorded bins", "differ", box=None)
    for name, bins in agreement.bins.items():
        table.add_row(*cells(plain(name), f"{bins:,}", f"{agreement.mismatches[name]:,}"))
    document.say(f"\ngolden trace: {golden.samples} samples of {golden.steps} steps")
    document.console.print(table)
    verdict = f"{agreement.total:,} of {golden.bins:,} recorded bins differ"
    document.say(verdict)
    if agreement.first is not None:
        message = f"{verdict}; the first at {agreement.first}"
        if model.suffix == ".net":
            raise MismatchError.of("E051", trace, message, _OF_INTEGERS)
        given = " ".join(filter(None, (named and f"--semantics {named}", *map(_option, overrides.items()))))
        bases = {given: imported.semantics} | (_PRESETS if named else {})
        graph = nir_file.read(model)
        fits = search(graph, golden, candidates(graph, bases, _numbers(overrides)))
        raise MismatchError.of("E051", trace, message, _advice(fits, golden))


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
