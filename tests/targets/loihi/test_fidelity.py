"""Integers follow the float network, or a note says by how much they do not: never silently.

``SPEAR_DEPLOY_FIDELITY_NETWORKS=300`` draws so many networks for the slow test.
"""

from __future__ import annotations

import os

import numpy as np
import pytest
import torch

from spear_deploy.network import Network
from spear_deploy.simulate.simulator import FloatSimulator
from spear_deploy.targets import InputRange, LoweringOptions, compiler_for, load_chip
from tests.random_networks import random_network

SPIKES, DECISIONS = 0.05, 0.98
NETWORKS = int(os.environ.get("SPEAR_DEPLOY_FIDELITY_NETWORKS", "80"))


def follows(network: Network, x: np.ndarray, bits: int) -> tuple[bool, set[str]]:
    """Whether counts of each population are within 5 % and 98 % of the decisions equal; and what was noted."""
    options = LoweringOptions(weight_bits=bits)
    lowered = compiler_for(load_chip("loihi2"), {"in": InputRange.of(x)}, options).lower(network)
    recording = lowered.emulate(x)
    with torch.no_grad():
        in_float = {
            name: sent.numpy() for name, sent in FloatSimulator(network)({"in": torch.from_numpy(x).float()}).items()
        }
    counts = []
    for population in (p for p in network.neurons if not p.neuron.is_readout):
        chip, wanted = recording.spikes[population.name].sum(dtype=np.int64), in_float[population.name].sum()
        counts.append(abs(chip - wanted) <= SPIKES * max(wanted, 1))
    chip, wanted = recording.output("out"), in_float["out"]
    same = np.mean(chip.sum(axis=0, dtype=np.float64).argmax(axis=1) == wanted.sum(axis=0).argmax(axis=1))
    return all(counts) and same >= DECISIONS, {note.code for note in lowered.notes}


def assert_never_silent(seeds: range, bits: int) -> None:
    silent = []
    for seed in seeds:
        good, codes = follows(*random_network(seed), bits)
        if not good and "N023" not in codes:
            silent.append(seed)
    assert not silent


@pytest.mark.parametrize("bits", [8, 3])
def test_some_random_networks(bits: int) -> None:
    """A dozen of the networks of the test below."""
    assert_never_silent(range(12), bits)


@pytest.mark.slow
@pytest.mark.parametrize("bits", [8, 4])
def test_random_networks(bits: int) -> None:
    """None loses more than 5 % of a population's spikes, or 2 % of its decisions, without a note."""
    assert_never_silent(range(12, 12 + NETWORKS), bits)
