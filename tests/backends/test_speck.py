"""The reference emulator against sinabs: random networks, in its own environment, and what its client refuses."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import spear_deploy
from spear_deploy import Imported, Semantics, lower
from spear_deploy.backends.emulator import REFERENCE
from spear_deploy.backends.speck import ENVIRONMENT, SPECK
from spear_deploy.errors import BackendError, UnsupportedError
from spear_deploy.network import Network, Population
from spear_deploy.targets.speck.program import SpeckProgram
from tests.targets.speck.networks import branched, counts, random_network

NETWORKS = int(os.environ.get("SPECK_NETWORKS", "6"))
"""Random networks that are run; docs/speck.md tells of 120."""


@pytest.fixture
def sinabs() -> None:
    """The backend's environment; tests that need it are skipped without it."""
    try:
        ENVIRONMENT.python()
    except BackendError as error:
        pytest.skip(str(error))


def program_of(network: Network, x: np.ndarray) -> SpeckProgram:
    program = lower(Imported(network, Semantics(dt=1.0)), chip="speck2f", calibration=x).program
    assert isinstance(program, SpeckProgram)
    return program


def zeroing(network: Network) -> Network:
    changed = [
        replace(p, neuron=replace(p.neuron, reset="value")) if isinstance(p, Population) else p
        for p in network.populations
    ]
    return replace(network, populations=tuple(changed))


def network_of(seed: int) -> Network:
    """A third are branched, pooled ones among them; every tenth resets to zero."""
    network = branched(seed, pool=1 + seed // 3 % 2) if seed % 3 == 2 else random_network(seed)
    return zeroing(network) if seed % 10 == 9 else network


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(NETWORKS))
@pytest.mark.usefixtures("sinabs")
def test_random_networks(seed: int) -> None:
    """sinabs makes the same integers of the floats, allows the cores, and counts every spike alike."""
    network = network_of(seed)
    x = counts(network, seed)
    program = program_of(network, x)
    ours, theirs = (backend.run(program, {"input": x}, timeout=300) for backend in (REFERENCE, SPECK))
    assert sum(int(ours.spikes[layer.name].sum()) for layer in program.populations) > 0
    for layer in program.populations:
        np.testing.assert_array_equal(theirs.spikes[layer.name], ours.spikes[layer.name])


@pytest.mark.slow
@pytest.mark.usefixtures("sinabs")
def test_integers_that_sinabs_would_not_make() -> None:
    """A program whose integers are not those of its floats is refused before it is run."""
    network = random_network(0)
    x = counts(network, 0)
    program = program_of(network, x)
    first = program.populations[0]
    weight = first.weight.copy()
    weight.flat[0] += 1 if weight.flat[0] < 127 else -1
    wrong = replace(program, populations=(replace(first, weight=weight), *program.populations[1:]))
    with pytest.raises(BackendError, match="discretises it otherwise: 1 of") as caught:
        SPECK.run(wrong, {"input": x})
    assert caught.value.findings[0].code == "E061"


@pytest.mark.slow
@pytest.mark.usefixtures("sinabs")
def test_a_time_limit_and_the_check() -> None:
    """E062 after the limit; the check names sinabs' version, and no samna is installed."""
    network = random_network(0)
    x = counts(network, 0)
    with pytest.raises(BackendError) as caught:
        SPECK.run(program_of(network, x), {"input": x}, timeout=0.05)
    assert caught.value.findings[0].code == "E062"
    report = SPECK.check()
    assert (report["ok"], report["sinabs"]) == (True, "3.1.3")


def test_what_sinabs_fails_on() -> None:
    """A layer with one pooled destination and one that is not (E089), known without its environment."""
    network = branched(0, pool=2)
    projections = tuple(
        replace(p, ops=p.ops[1:]) if p.name == "ab" else p for p in network.projections if p.name in ("a", "ab")
    )
    full = np.zeros((4, 8, 8), np.float32)
    second = network["b"]
    assert isinstance(second, Population)
    neuron = replace(
        second.neuron,
        **{name: np.broadcast_to(v.flat[0], full.shape).copy() for name, v in second.neuron.arrays().items()},
    )
    populations = (network["input"], network["a"], Population("b", (4, 8, 8), neuron), network["c"])
    third = network.projections[2]
    mixed = Network(populations, (*projections, third), ("c",))
    program = program_of(mixed, counts(mixed, 0))
    with pytest.raises(UnsupportedError) as caught:
        SPECK.run(program, {})
    assert [(finding.code, finding.where) for finding in caught.value.findings] == [("E089", "population 'a'")]


@pytest.mark.slow
@pytest.mark.usefixtures("sinabs")
def test_a_deployment_is_proven(tiny_nir: Path, tiny_npz: Path) -> None:
    """deploy's last step: every spike of the time steps is sinabs'."""
    quick = {"episodes": 8, "candidates": 1, "epochs": 2.0, "samples": 4}
    done = spear_deploy.deploy(tiny_nir, tiny_npz, "speck2f", synops="60%", adapt=True, backend="speck", **quick)
    assert done.error is None
    validation = done.report["validation"]
    assert (validation["backend"], validation["mismatches"]) == ("speck", 0)
    assert validation["bins"] > 0
