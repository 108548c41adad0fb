"""The integer resolutions with which a network was trained, in the metadata of its NIR file.

With them the file lowers to exactly the integers that were trained; other tools ignore metadata.
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
"""Key in this tool's metadata of a file."""


def to_metadata(network: Network) -> dict[str, Any]:
    """Return the metadata: arrays by input or population under :data:`KEY`, or nothing."""
    held = {p.name: p.resolution for p in network.populations if p.resolution is not None}
    return {KEY: held} if held else {}


def with_resolutions(network: Network, stored: Any) -> Network:
    """Return the network with the resolutions that :func:`to_metadata` stored, read from an untrusted file.

    Raises :class:`InputError` (E003) for every resolution that does not fit its population.
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
