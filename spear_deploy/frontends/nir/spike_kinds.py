"""Populations that fire otherwise than the file's semantics say, in its metadata: how often a step, or when.

A chip may let its hidden neurons fire several times a step and its outputs once, or compare some of them otherwise than
those that run a program of their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, get_args

from spear_deploy.errors import Finding, InputError
from spear_deploy.frontends.semantics import Semantics
from spear_deploy.network import Input, Network, Population
from spear_deploy.network.neuron import Comparison, SpikeKind

KINDS: Mapping[str, tuple[str, ...]] = {"spikes": get_args(SpikeKind), "compare": get_args(Comparison)}
"""Fields of semantics that populations may have their own of, among what this tool keeps in a file's metadata."""


def with_common_comparison(semantics: Semantics, network: Network) -> Semantics:
    """Return the semantics with the comparison that all neurons have, where they share one.

    Training as a chip computes gives them the chip's.
    """
    found = {population.neuron.compare for population in _firing(network)}
    return replace(semantics, compare=found.pop()) if len(found) == 1 else semantics


def to_metadata(network: Network, semantics: Semantics) -> dict[str, Any]:
    """Return what is stored: of each of the :data:`KINDS` those by population; nothing where all are as read."""
    own = {
        key: {p.name: value for p in _firing(network) if (value := getattr(p.neuron, key)) != getattr(semantics, key)}
        for key in KINDS
    }
    return {key: kinds for key, kinds in own.items() if kinds}


def with_spike_kinds(network: Network, stored: Any) -> Network:
    """Return the network with the kinds that :func:`to_metadata` stored, out of a file that is not trusted.

    Raises :class:`InputError` (E003) with every one that is none, or of a population that there is not.
    """
    own = {key: _table(key, stored) for key in KINDS if isinstance(stored, Mapping) and key in stored}
    names = {population.name for population in network.neurons}
    fix = "remove it from the metadata: the file's semantics then hold"
    findings = [
        Finding("E003", f"metadata spear_deploy/{key}/{name}", f"{kind!r} is no kind of {key} of a population", fix)
        for key, kinds in own.items()
        for name, kind in sorted(kinds.items())
        if name not in names or kind not in KINDS[key]
    ]
    if findings:
        raise InputError(findings)

    def fires(population: Input | Population) -> Input | Population:
        found = {key: kinds[population.name] for key, kinds in own.items() if population.name in kinds}
        if isinstance(population, Input) or not found:
            return population
        return replace(population, neuron=replace(population.neuron, **found))

    return replace(network, populations=tuple(map(fires, network.populations))) if own else network


def _table(key: str, stored: Mapping[str, Any]) -> Mapping[str, Any]:
    return stored[key] if isinstance(stored[key], Mapping) else {key: stored[key]}


def _firing(network: Network) -> list[Population]:
    return [population for population in network.neurons if not population.neuron.is_readout]
