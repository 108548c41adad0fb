"""Search for the semantics that reproduce recorded spikes: presets, and one or two overrides of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

from spear_deploy.errors import SpearError
from spear_deploy.frontends.nir.dt import AGREEMENT, recover_dt
from spear_deploy.frontends.nir.file import NirGraph
from spear_deploy.frontends.nir.flatten import flatten
from spear_deploy.frontends.nir.reader import convert
from spear_deploy.frontends.semantics import Semantics
from spear_deploy.network import Network
from spear_deploy.validate.golden import Golden, compare

_OVERRIDES: tuple[tuple[str, Any, str], ...] = (
    ("reset", "zero", "--reset zero"),
    ("reset", "subtract", "--reset subtract"),
    ("reset_delay", True, "--reset-delay"),
    ("reset_delay", False, "--no-reset-delay"),
    ("compare", "gt", "--compare gt"),
    ("compare", "ge", "--compare ge"),
    ("spikes", "binary", "--spikes binary"),
    ("spikes", "integer", "--spikes integer"),
    ("start", "leak", "--start leak"),
    ("start", "reset", "--start reset"),
)
_SCREENED = 4
"""Samples on which every candidate is run."""
_FINALISTS = 8
"""Candidates that are run on all samples."""


@dataclass(frozen=True)
class Candidate:
    """Semantics, and the options of the command line that give them."""

    options: str
    semantics: Semantics


@dataclass(frozen=True)
class Fit:
    """In how many recorded bins the network differs that a candidate's options give."""

    options: str
    mismatches: int


def candidates(
    graph: NirGraph, bases: Mapping[str, Semantics], given: Mapping[str, float] | None = None
) -> list[Candidate]:
    """Return semantics that read a graph as different networks, those with the fewest overrides first.

    ``bases`` are semantics by the options that give them; ``given`` are values of ``dt`` and ``floor`` to try beside
    a base's own, as is the time step that the file implies.  What the importer refuses is left out; if that is all,
    a refusal is raised (:class:`SpearError`).
    """
    given = given or {}
    implied, _ = recover_dt(flatten(graph)[0])
    values = [*given.items(), *([("dt", implied)] if implied else [])]
    overrides = [*_OVERRIDES, *((key, value, f"--{key} {value!r}") for key, value in values)]
    found: dict[object, Candidate] = {}
    refusals: list[SpearError] = []
    for candidate in _variants(bases, overrides):
        dt = candidate.semantics.dt
        if implied and dt and dt != given.get("dt") and abs(dt - implied) > AGREEMENT * implied:
            continue  # a preset's time step is a mere default, and the file knows better
        try:
            network = convert(graph, candidate.semantics).network
        except SpearError as error:
            refusals.append(error)
        else:
            found.setdefault(_dynamics(network), candidate)
    if not found:  # for want of a time step (E023) a preset is refused that others would not be
        raise next((error for error in refusals if error.findings[0].code != "E023"), refusals[0])
    return list(found.values())


def search(graph: NirGraph, golden: Golden, tried: Iterable[Candidate]) -> list[Fit]:
    """Return the candidates that come nearest to a recording, nearest first and simplest first among equals."""
    few = golden.head(_SCREENED)
    screened = sorted(tried, key=lambda candidate: _mismatches(graph, candidate, few))
    fits = [Fit(c.options, _mismatches(graph, c, golden)) for c in screened[:_FINALISTS]]
    return sorted(fits, key=lambda fit: fit.mismatches)


def _mismatches(graph: NirGraph, candidate: Candidate, golden: Golden) -> int:
    return compare(convert(graph, candidate.semantics).network, golden).total


def _variants(bases: Mapping[str, Semantics], overrides: Iterable[tuple[str, Any, str]]) -> Iterator[Candidate]:
    for count in range(3):
        for options, base in bases.items():
            effective = [entry for entry in overrides if getattr(base, entry[0]) != entry[1]]
            for chosen in combinations(effective, count):
                if len({key for key, _, _ in chosen}) == count:
                    semantics = replace(base, **{key: value for key, value, _ in chosen})
                    yield Candidate(" ".join(filter(None, (options, *(text for _, _, text in chosen)))), semantics)


def _dynamics(network: Network) -> object:
    """Return what semantics decide: all but the weights, which take long to hash."""
    delays = tuple(projection.delay for projection in network.projections)
    return replace(network, projections=()).content_hash, delays
