"""The smallest narrowing of a single group of units that would make a network fit the cores of a chip."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeAlias

import numpy as np

from spear_deploy.errors import Finding
from spear_deploy.network import Network
from spear_deploy.network.units import Group, keep_units, unit_groups, widest

Placed: TypeAlias = Callable[[Network], Sequence[Finding]]
"""Places a network by its shapes, and returns the findings of what does not fit."""
_BY_WIDTH = ("E035", "E036")
"""Codes of findings that a narrower network may not have."""


@dataclass(frozen=True)
class Narrowing:
    """A group of populations that are pruned together, and how many of its units are kept."""

    group: Group
    units: int

    def __str__(self) -> str:
        names = " and ".join(map(repr, self.group.populations))
        return f"{self.units:,} of the {self.group.units:,} units of {names}"


def with_narrowings(findings: Iterable[Finding], network: Network, placed: Placed) -> tuple[Finding, ...]:
    """Prefix the fix of each E035 and E036 with the smallest narrowing of one group that mends it.

    If no pruning can mend it, the fix says so.  Other findings are returned unchanged, as are those that ``placed``
    does not find in the whole network.
    """
    findings = tuple(findings)
    if not any(finding.code in _BY_WIDTH for finding in findings):
        return findings
    known = {(found.code, found.where, found.value) for found in placed(network)}
    return tuple(
        _told(each, network, placed)
        if each.code in _BY_WIDTH and (each.code, each.where, each.value) in known
        else each
        for each in findings
    )


def _told(finding: Finding, network: Network, placed: Placed) -> Finding:
    change = smallest_narrowing(finding, network, placed)
    if change is not None:
        return replace(finding, fix=f"with {change} it fits; {finding.fix}")
    narrowest = keep_units(network, {group.name: np.arange(1) for group in unit_groups(network).groups})
    if is_among(finding, placed(narrowest)):
        return replace(finding, fix=f"no pruning makes it fit: {besides_pruning(finding.fix)}")
    return replace(finding, fix=f"no single population can be narrowed so that it fits; {finding.fix}")


def besides_pruning(fix: str) -> str:
    """Return the alternative to pruning that a fix offers: rules name pruning first, then the alternative."""
    if not fix.startswith("prune "):
        return fix
    return fix.partition(", or ")[2] or "choose a chip that holds more, or train a smaller network"


def is_among(finding: Finding, found: Iterable[Finding]) -> bool:
    """Whether another network has this finding too, at the same place."""
    return any((each.code, each.where) == (finding.code, finding.where) for each in found)


def smallest_narrowing(finding: Finding, network: Network, placed: Placed) -> Narrowing | None:
    """Return the narrowing of one group that mends a finding and keeps most of it; None if no single group can.

    Each is found by bisection, which assumes that fewer units never take more cores; where they do, a wider network may
    fit as well.  A group that cannot beat the best share so far is tried once and dropped, because every try cuts a
    network of perhaps millions of weights.
    """

    def mends(group: Group, units: int) -> bool:
        return not is_among(finding, placed(keep_units(network, {group.name: np.arange(units)})))

    best: Narrowing | None = None
    for group in unit_groups(network).groups:
        least = 1 if best is None else best.units * group.units // best.group.units + 1
        if least < group.units and mends(group, least):
            best = Narrowing(group, widest(group.units, partial(mends, group), least) or least)
    return best
