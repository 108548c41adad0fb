"""The peers of the benchmark of training do the same work: the same spikes, from the same weights."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from benchmarks.networks import events_conv, feeding_itself, mlp
from benchmarks.training_peers import Stepwise, SurrogateStep, snntorch_peer, spikingjelly_peer
from spear_deploy.network import Network
from spear_deploy.simulate.simulator import FloatSimulator
from tests.frameworks import home

RNG = np.random.default_rng(0)
DENSE, CONV = mlp(12, 16, 5)(RNG), events_conv(RNG)
NETWORKS = {
    "dense": DENSE,
    "conv": CONV,
    "recurrent": feeding_itself(DENSE, "p1", RNG.normal(0, 0.2, (16, 16)).astype(np.float32)),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_they_send_the_same_spikes_and_train_all_weights(name: str) -> None:
    """The output's spikes are those of this project's simulator, and every weight has a gradient."""
    network = NETWORKS[name]
    x = torch.from_numpy((RNG.random((6, 3, *network["p0"].shape)) < 0.3).astype(np.float32))
    with torch.no_grad():
        expected = FloatSimulator(network)({"p0": x})[network.outputs[0]]
    assert expected.sum() > 0
    for peer in _peers(network):
        sent = peer(x)
        torch.testing.assert_close(sent, expected, rtol=0, atol=1e-5)
        sent.sum().backward()
        assert all(parameter.grad is not None for parameter in peer.parameters())


def _peers(network: Network) -> list[torch.nn.Module]:
    step = SurrogateStep(network)
    peers: list[torch.nn.Module] = [snntorch_peer(network), Stepwise(step, step)]
    if network is not NETWORKS["recurrent"]:
        home("spikingjelly")
        jelly = spikingjelly_peer(network)
        assert jelly is not None
        peers.append(jelly)
    return peers
