"""Populations that fire otherwise than the file's semantics say, in its metadata: once a step, say, beside others.

A chip may let its hidden neurons fire several times a step and its outputs once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, get_args

from spear_deploy.errors import Finding, InputError
from spear_deploy.frontends.semantics import Semantics
from spear_deploy.network import Input, Network, Population
from spear_deploy.network.neuron import SpikeKind

KEY = "spikes"
"""Among what this tool keeps in a file's metadata."""


def to_metadata(network: Network, semantics: Semantics) -> dict[str, Any]:
    """Return what is stored: kinds of spikes by population, under :data:`KEY`; nothing where all are as read."""
    firing = [population for population in network.neurons if not population.neuron.is_readout]
    own = {p.name: p.neuron.spikes for p in firing if p.neuron.spikes != semantics.spikes}
    return {KEY: own} if own else {}


def with_spike_kinds(network: Network, stored: Any) -> Network:
    """Return the network with the kinds that :func:`to_metadata` stored, out of a file that is not trusted.

    Raises :class:`InputError` (E003) with every one that is none, or of a population that there is not.
    """
    own = stored.get(KEY, {}) if isinstance(stored, Mapping) else {}
    if not isinstance(own, Mapping):
        own = {KEY: own}
    names = {population.name for population in network.neurons}
    fix = "remove it from the metadata: the file's semantics then hold"
    findings = [
        Finding("E003", f"metadata spear_deploy/{KEY}/{name}", f"{kind!r} is no kind of spikes of a population", fix)
        for name, kind in sorted(own.items())
        if name not in names or kind not in get_args(SpikeKind)
    ]
    if findings:
        raise InputError(findings)

    def fires(population: Input | Population) -> Input | Population:
        if isinstance(population, Input) or population.name not in own:
            return population
        return replace(population, neuron=replace(population.neuron, spikes=own[population.name]))

    return replace(network, populations=tuple(map(fires, network.populations))) if own else network
