"""The resolutions that a network was trained with, in the metadata of its NIR file.

They make the file lower to the very integers that were trained; other tools leave metadata alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from spear_deploy.errors import Finding, InputError
from spear_deploy.network import Network
from spear_deploy.network.graph import resolution_problem

KEY = "resolution"
"""Among what this tool keeps in a file's metadata."""


def to_metadata(network: Network) -> dict[str, Any]:
    """Return what is stored: arrays by the name of an input or population, under :data:`KEY`; nothing without any."""
    held = {p.name: p.resolution for p in network.populations if p.resolution is not None}
    return {KEY: held} if held else {}


def with_resolutions(network: Network, stored: Any) -> Network:
    """Return the network with the resolutions that :func:`to_metadata` stored, out of a file that is not trusted.

    Raises :class:`InputError` (E003) with every one that cannot be that of its population.
    """
    held = stored.get(KEY, {}) if isinstance(stored, Mapping) else {}
    if not isinstance(held, Mapping):
        held = {KEY: held}
    findings: list[Finding] = []
    given: dict[str, Any] = {}
    for name, value in sorted(held.items()):
        problem = f"there is no population {name!r}"
        if name in network.shapes:
            given[name], problem = _array(value), "its resolution is not a number"
            if given[name] is not None:
                problem = resolution_problem(given[name], network[name].shape)
        if problem:
            fix = "remove it from the metadata: the resolution is then chosen again"
            findings.append(Finding("E003", f"metadata spear_deploy/{KEY}/{name}", problem, fix))
    if findings:
        raise InputError(findings)
    populations = tuple(replace(p, resolution=given.get(p.name)) for p in network.populations)
    return replace(network, populations=populations) if given else network


def _array(value: Any) -> np.ndarray | None:
    try:
        return np.asarray(value, np.float64)
    except (TypeError, ValueError):
        return None
