"""Populations whose semantics differ from the file's: spikes per step, comparison, and lowest membrane.

A file has one set of semantics for all neurons.  A chip may let hidden neurons fire several times per step and outputs
once, compare membrane and threshold differently in neurons that run a program of their own, or give each population its
own lowest membrane: such exceptions are stored in the file's metadata, by population.
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
"""Fields of :class:`Semantics` in which a population may differ; their keys in the metadata."""
_WORDS: Mapping[str, tuple[str, ...]] = {"spikes": get_args(SpikeKind), "compare": get_args(Comparison)}
_COMMON = ("compare", "floor")
"""Fields for which a value shared by all neurons replaces the one in the semantics."""


def with_common_semantics(semantics: Semantics, network: Network) -> Semantics:
    """Return the semantics with the comparison and the floor that all neurons share, if they share one.

    Training with a chip's arithmetic gives neurons the chip's values, which need not be those of the file.
    """
    found = {key: {getattr(each.neuron, key) for each in _firing(network)} for key in _COMMON}
    return replace(semantics, **{key: values.pop() for key, values in found.items() if len(values) == 1})


def to_metadata(network: Network, semantics: Semantics) -> dict[str, Any]:
    """Return the metadata: for each of the :data:`FIELDS`, the populations that differ and their values."""
    own = {
        key: {
            each.name: _stored(value)
            for each in _firing(network)
            if (value := getattr(each.neuron, key)) != getattr(semantics, key)
        }
        for key in FIELDS
    }
    return {key: kinds for key, kinds in own.items() if kinds}


def with_population_semantics(network: Network, stored: Any) -> Network:
    """Return the network with the exceptions that :func:`to_metadata` stored, read from an untrusted file.

    Raises :class:`InputError` (E003) for every invalid value and every unknown population.
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

    def with_own(population: Input | Population) -> Input | Population:
        found = {key: _read(kinds[population.name]) for key, kinds in own.items() if population.name in kinds}
        if isinstance(population, Input) or not found:
            return population
        return replace(population, neuron=replace(population.neuron, **found))

    return replace(network, populations=tuple(map(with_own, network.populations))) if own else network


def _table(key: str, stored: Mapping[str, Any]) -> Mapping[str, Any]:
    return stored[key] if isinstance(stored[key], Mapping) else {key: stored[key]}


def _is_one(key: str, kind: Any) -> bool:
    return kind in _WORDS[key] if key in _WORDS else isinstance(kind, float) and not isnan(kind) and kind < inf


def _stored(value: Any) -> Any:
    """Return a value as it is stored: no floor becomes -inf."""
    return value if isinstance(value, str) else -inf if value is None else float(value)


def _read(kind: Any) -> Any:
    return None if kind == -inf else float(kind) if isinstance(kind, float) else kind


def _firing(network: Network) -> list[Population]:
    return [population for population in network.neurons if not population.neuron.is_readout]
