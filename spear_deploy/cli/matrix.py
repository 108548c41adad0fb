"""``inspect --chip all``: which chips take a network, at what cost, and what stands in the way on the others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from spear_deploy.api.chips import ChipCheck, check_chip, ranked
from spear_deploy.chips import chip_names
from spear_deploy.cli.document import Document
from spear_deploy.errors import Finding, UnsupportedError
from spear_deploy.frontends import Imported
from spear_deploy.printable import plain
from spear_deploy.report.formats import kib, percent, plural, shorten
from spear_deploy.report.tables import Column, FittingTable
from spear_deploy.report.terminal import Page
from spear_deploy.targets import InputRange, load_chip

_SHOWN = 4
"""Findings of a chip that are shown; the others are counted."""
_PLACES = 44
"""Letters of the places that a finding names."""


def compare(imported: Imported, ranges: Mapping[str, InputRange], document: Document) -> None:
    """Print a table of all chips; raise :class:`UnsupportedError` (E097) if none takes the network."""
    names, found = chip_names(), []
    with document.waiting.step("chips") as tick:
        for done, name in enumerate(names):
            tick(done, len(names))
            found.append(check_chip(imported, load_chip(name), ranges))
        tick(len(names), len(names))
    checks = ranked(found)
    document.add(chips=[each.as_data() for each in checks])
    document.console.print()
    print_checks(checks, document.console)
    if checks[0].answer != "yes":
        raise UnsupportedError(_none(checks))


def print_checks(checks: Sequence[ChipCheck], console: Console) -> None:
    """Print the table, and below it what is in the way, nearest first."""
    for part in (_table(checks), *_reasons(checks)):
        console.print(Page(part), crop=console.is_terminal)


def _table(checks: Sequence[ChipCheck]) -> FittingTable:
    columns = {
        "chip": Column([plain(each.chip) for each in checks], left=True),
        "takes it": Column([each.answer for each in checks], left=True, style="bold"),
        "known by": Column(["emulator" if each.emulated else "rules alone" for each in checks], left=True),
        "cores": Column([_cores(each) for each in checks]),
        "of": Column([f"{each.of_cores:,}" for each in checks]),
        "memory\nKiB": Column([_memory(each) for each in checks]),
        "of all": Column([_share(each.memory_share) for each in checks]),
        "fullest core": Column([_fullest(each) for each in checks], left=True),
    }
    narrower = {**columns, "fullest core": Column([_resource(each) for each in checks], left=True)}
    return FittingTable([columns, narrower], ("of all", "memory\nKiB", "fullest core", "known by"))


def _cores(check: ChipCheck) -> str:
    return "" if check.placement is None else f"{check.placement.cores:,}"


def _memory(check: ChipCheck) -> str:
    return "" if check.placement is None or not check.placement.memory_bits else kib(check.placement.memory_bits)


def _share(share: float | None) -> str:
    if share is None:
        return ""
    return "<0.1%" if 0 < share < 0.001 else percent(share)


def _fullest(check: ChipCheck) -> str:
    """Return the fullest resource of the fullest core, and the population on it."""
    return "" if check.busiest is None else f"{_resource(check)} ({shorten(plain(check.busiest[0]), 12)})"


def _resource(check: ChipCheck) -> str:
    return "" if check.busiest is None else f"{check.busiest[1].replace('_', ' ')} {percent(check.busiest[2], 0)}"


def _reasons(checks: Sequence[ChipCheck]) -> Iterator[Text | Padding]:
    """Yield what stands in the way, chips that say the same together."""
    groups: dict[tuple[object, ...], list[ChipCheck]] = {}
    for each in checks:
        if each.findings or each.unmade:
            said = tuple(replace(finding, value=None, limit=None) for finding in each.findings)
            groups.setdefault((each.answer, said, each.unmade), []).append(each)
    if groups:
        yield Text("\nwhat is in the way, nearest first", style="bold")
    for same in groups.values():
        first = same[0]
        names = ", ".join(plain(each.chip) for each in same)
        cure = {"with adaptation": "deploy --adapt gives it the chip's own neurons"}.get(first.answer, "")
        cure = "pruning may cure it" if first.answer == "no" and first.curable else cure
        yield Text.assemble((names, "bold"), f": {cure}" if cure else "")
        for line in _lines(first):
            yield Padding(line, (0, 0, 0, 2))


def _lines(check: ChipCheck) -> Iterator[Text]:
    for finding in check.findings[:_SHOWN]:
        found, _, rule = plain(finding.message).partition(". ")
        stated = (f". {rule}", "dim") if rule else ""
        yield Text.assemble((finding.code, "red"), f" {_places(finding)}: {found}", stated)
    if len(check.findings) > _SHOWN:
        more = plural(len(check.findings) - _SHOWN, "more finding")
        yield Text(f"and {more}: inspect --chip {check.chip}", style="dim")
    if check.unmade:
        yield Text(f"not checked, for want of a published figure: {', '.join(check.unmade)}", style="dim")


def _places(finding: Finding) -> str:
    """Return where it is: of several places the first, and how many more."""
    first, *others = plain(finding.where).split(", ")
    return shorten(f"{first} and {len(others)} more" if others else first, _PLACES)


def _none(checks: Sequence[ChipCheck]) -> Finding:
    """Return that no chip takes the network as it is."""
    adapted = [each.chip for each in checks if each.answer == "with adaptation"]
    nearest = next((each for each in checks if each.answer == "no"), None)
    if adapted:
        fix = f"deploy with --adapt for one of: {', '.join(adapted)}"
    elif nearest is not None:
        fix = f"spear-deploy inspect MODEL --chip {nearest.chip} lists everything that keeps it from the nearest"
    else:
        fix = "give the figures that are missing in a profile of your own (docs/howto/chip.md)"
    return Finding("E097", "network", f"none of {len(checks)} chips takes it as it is", fix)
