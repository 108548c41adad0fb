"""Resolutions of trained networks in NIR files: kept, and refused where they cannot be right."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from spear_deploy.errors import InputError
from spear_deploy.frontends import Semantics
from spear_deploy.frontends.nir.reader import METADATA_KEY, convert
from spear_deploy.frontends.nir.writer import to_graph
from spear_deploy.network import Network
from tests.strategies import Builder

SEMANTICS = Semantics(dt=1.0)


def network_of(resolution: np.ndarray | None) -> Network:
    build = Builder(np.random.default_rng(0), (2, 4, 4))
    build.add((build.same(3),))
    network = build.network()
    return replace(network, populations=tuple(replace(p, resolution=resolution) for p in network.populations))


@pytest.mark.parametrize("resolution", [None, np.array(64.0), np.array(0.1)])
def test_resolutions_are_read_back(resolution):
    """All or none, to the last bit."""
    network = network_of(resolution)
    graph = to_graph(network, SEMANTICS)
    assert ("resolution" in graph.metadata[METADATA_KEY]) is (resolution is not None)
    assert convert(graph, SEMANTICS).network.content_hash == network.content_hash


@pytest.mark.parametrize(
    ("stored", "message"),
    [
        ({"p1": np.array(-1.0)}, "not positive"),
        ({"p1": np.array([1.0, np.nan, 1.0])[:, None, None]}, "not positive and finite"),
        ({"p1": np.ones(5)}, r"shape \(5,\), the population \(3, 4, 4\)"),
        ({"p1": "many"}, "is not a number"),
        ({"p7": np.array(1.0)}, "no population 'p7'"),
        (np.array(3.0), "no population 'resolution'"),
    ],
)
def test_what_cannot_be_a_resolution_is_refused(stored: Any, message: str) -> None:
    """E003 names the entry."""
    graph = to_graph(network_of(None), SEMANTICS)
    own = {**graph.metadata[METADATA_KEY], "resolution": stored}
    with pytest.raises(InputError, match=message) as error:
        convert(replace(graph, metadata={METADATA_KEY: own}), SEMANTICS)
    assert {finding.code for finding in error.value.findings} == {"E003"}
