"""Populations that fire otherwise than the file's semantics say, in its metadata: how often a step, or when.

A chip may let its hidden neurons fire several times a step and its outputs once, or compare some of them otherwise than
those that run a program of their own; each may have a lowest membrane of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import inf, isnan
from typing import Any, get_args

from spear_deploy.errors import Finding, InputError
from spear_deploy.frontends.semantics import Semantics
from spear_deploy.network import Input, Network, Population
from spear_deploy.network.neuron import Comparison, SpikeKind

FIELDS = ("spikes", "compare", "floor")
"""Fields of semantics that populations may have their own of, among what this tool keeps in a file's metadata."""
_WORDS: Mapping[str, tuple[str, ...]] = {"spikes": get_args(SpikeKind), "compare": get_args(Comparison)}
_COMMON = ("compare", "floor")
"""Of these the semantics say what all neurons have, whatever they said before."""


def with_common_kinds(semantics: Semantics, network: Network) -> Semantics:
    """Return the semantics with the comparison and the floor that all neurons have, where they share one.

    Training as a chip computes gives them the chip's.
    """
    found = {key: {getattr(each.neuron, key) for each in _firing(network)} for key in _COMMON}
    return replace(semantics, **{key: values.pop() for key, values in found.items() if len(values) == 1})


def to_metadata(network: Network, semantics: Semantics) -> dict[str, Any]:
    """Return what is stored: of each of the :data:`FIELDS` those by population; nothing where all are as read."""
    own = {
        key: {
            each.name: _stored(value)
            for each in _firing(network)
            if (value := getattr(each.neuron, key)) != getattr(semantics, key)
        }
        for key in FIELDS
    }
    return {key: kinds for key, kinds in own.items() if kinds}


def with_spike_kinds(network: Network, stored: Any) -> Network:
    """Return the network with the kinds that :func:`to_metadata` stored, out of a file that is not trusted.

    Raises :class:`InputError` (E003) with every one that is none, or of a population that there is not.
    """
    own = {key: _table(key, stored) for key in FIELDS if isinstance(stored, Mapping) and key in stored}
    names = {population.name for population in network.neurons}
    fix = "remove it from the metadata: the file's semantics then hold"
    findings = [
        Finding("E003", f"metadata spear_deploy/{key}/{name}", f"{kind!r} is no {key} of a population", fix)
        for key, kinds in own.items()
        for name, kind in sorted(kinds.items())
        if name not in names or not _is_one(key, kind)
    ]
    if findings:
        raise InputError(findings)

    def fires(population: Input | Population) -> Input | Population:
        found = {key: _read(kinds[population.name]) for key, kinds in own.items() if population.name in kinds}
        if isinstance(population, Input) or not found:
            return population
        return replace(population, neuron=replace(population.neuron, **found))

    return replace(network, populations=tuple(map(fires, network.populations))) if own else network


def _table(key: str, stored: Mapping[str, Any]) -> Mapping[str, Any]:
    return stored[key] if isinstance(stored[key], Mapping) else {key: stored[key]}


def _is_one(key: str, kind: Any) -> bool:
    return kind in _WORDS[key] if key in _WORDS else isinstance(kind, float) and not isnan(kind) and kind < inf


def _stored(value: Any) -> Any:
    """Return a value as files hold it: no floor is one without end."""
    return value if isinstance(value, str) else -inf if value is None else float(value)


def _read(kind: Any) -> Any:
    return None if kind == -inf else float(kind) if isinstance(kind, float) else kind


def _firing(network: Network) -> list[Population]:
    return [population for population in network.neurons if not population.neuron.is_readout]
