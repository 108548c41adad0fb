"""What the rules of every chip family say in the same words."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from spear_deploy.network import Input, Linear, Network, Neuron, Population, Projection
from spear_deploy.network.neuron import identity_readout
from spear_deploy.targets.network_rules import NetworkToLower, reset_in_words, where

READOUT = identity_readout((2,))
SPIKING = replace(READOUT, threshold=np.ones(2, np.float32))


def test_a_readout_does_not_spike() -> None:
    """Rules of firing look at the hidden population alone; its name is quoted in findings."""
    populations = (Population("hidden", (2,), SPIKING), Population("out", (2,), READOUT))
    weights = Linear(np.ones((2, 2), np.float32))
    network = Network(
        (Input("in", (2,)), *populations),
        (Projection("a", "in", "hidden", (weights,)), Projection("b", "hidden", "out", (weights,))),
        ("out",),
    )
    assert [where(each) for each in NetworkToLower(network, {}).spiking] == ["population 'hidden'"]


@pytest.mark.parametrize(
    ("neuron", "words"),
    [
        (replace(SPIKING, reset="zero"), "to a value"),
        (replace(SPIKING, reset="subtract"), "by subtraction"),
        (replace(SPIKING, reset="subtract", reset_delay=True), "by subtraction, one step late"),
    ],
)
def test_a_reset_in_words(neuron: Neuron, words: str) -> None:
    """What is subtracted, and when."""
    assert reset_in_words(neuron) == words
