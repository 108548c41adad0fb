"""Rockpool: LIF with and without synapses, several spikes a step, and a synapse that is read."""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from rockpool.nn.combinators import Sequential
from rockpool.nn.modules import ExpSynTorch, LIFNeuronTorch, LIFTorch, LinearTorch, TorchModule
from rockpool.nn.modules.torch.nir import to_nir
from torch import Tensor

from tests.importers.live.recording import INPUTS, NEURONS, Case, linear, record


def cases() -> list[Case]:
    tau = torch.linspace(5e-3, 50e-3, NEURONS)
    return [
        case("LIFTorch", LIFTorch((NEURONS, NEURONS), tau_mem=tau, tau_syn=tau / 3, dt=1e-3), 0.25),
        case("LIFNeuronTorch", LIFNeuronTorch(NEURONS, tau_mem=tau, dt=1e-3), 0.5),
        case("ExpSynTorch", ExpSynTorch(NEURONS, tau=tau, dt=1e-3)),
    ]


def case(name: str, layer: TorchModule, scale: float = 1.0) -> Case:
    for parameter in layer.parameters().values():  # the exporter cannot convert what requires a gradient
        parameter.requires_grad_(False)
    dense = LinearTorch((INPUTS, NEURONS), has_bias=False, weight=linear(scale).weight.detach().T.clone())
    net = Sequential(dense, layer)

    def run(x: Tensor) -> Tensor:
        net.reset_state()
        return net(x[None])[0][0]

    return Case(name, run, None, lambda: to_nir(net, torch.zeros(1, INPUTS)))


if __name__ == "__main__":
    record(Path(sys.argv[1]), cases())
