"""Weights that are not finite, as left behind by training that diverged."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spear_deploy.errors import Finding
from spear_deploy.network.graph import Network, Population

_FIX = "give the weights of before training diverged (a lower learning rate, clipped gradients)"


def finite_findings(network: Network) -> list[Finding]:
    """Return an E028 for each projection and population with parameters that are not finite.

    Array parameters of neurons are checked when a network is made; only their floor is checked here.
    """
    found: list[Finding] = []
    for projection in network.projections:
        held = {
            f"{type(op).__name__} {item.name}": value
            for op in projection.ops
            for item in fields(op)
            if isinstance(value := getattr(op, item.name), np.ndarray)
        }
        found += findings_of(f"projection {projection.name!r}", held)
    for population in network.populations:
        if isinstance(population, Population) and population.neuron.floor is not None:
            found += findings_of(f"population {population.name!r}", {"floor": np.asarray(population.neuron.floor)})
    return found


def findings_of(where: str, arrays: Mapping[str, NDArray[Any]]) -> Iterator[Finding]:
    """Yield one finding (E028) if arrays hold values that are not finite, with the number of them and the first."""
    told = []
    for name, array in arrays.items():
        wrong = ~np.isfinite(array)
        if wrong.any():
            first = tuple(int(index) for index in np.argwhere(wrong)[0])
            at = f", the first, {array[first]}, at {first}" if first else ""
            told.append(f"{name} holds {np.count_nonzero(wrong):,} values of {array.size:,} that are not finite{at}")
    if told:
        yield Finding("E028", where, "; ".join(told), _FIX)
