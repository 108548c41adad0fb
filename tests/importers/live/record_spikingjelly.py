"""SpikingJelly: every neuron that its exporter writes, with hard reset."""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from spikingjelly.activation_based import functional, layer, neuron
from spikingjelly.activation_based.nir_exchange import export_to_nir
from torch import Tensor, nn

from spear_deploy.importers import from_spikingjelly
from tests.importers.live.recording import INPUTS, Case, linear, louder, record


def cases() -> list[Case]:
    maps = (2, 8, 8)
    return [
        case("IF", behind(neuron.IFNode())),
        case("IF-soft", behind(neuron.IFNode(v_reset=None)), writes=False),
        case("LIF", behind(neuron.LIFNode(tau=3.0), 2.0)),
        case("LIF-soft", behind(neuron.LIFNode(tau=3.0, v_reset=None), 2.0), writes=False),
        case("LIF-undecayed", behind(neuron.LIFNode(tau=3.0, decay_input=False), 0.5)),
        case("LIF-reset", behind(neuron.LIFNode(tau=5.0, v_reset=-0.25), 3.0)),
        case("ParametricLIF", behind(neuron.ParametricLIFNode(init_tau=2.5), 2.0)),
        case("CUBALIF", behind(neuron.CUBALIFNode(), 0.25)),
        case("convolutional", louder(convolutional()), maps, writes=False),
        case("convolutional-multistep", louder(in_multistep_mode(convolutional())), maps, writes=False),
        case("residual", louder(Residual()), writes=False),
        case("doubled", louder(Doubled()), writes=False),
    ]


def behind(node: nn.Module, scale: float = 1.0) -> nn.Module:
    return nn.Sequential(linear(scale), node)


def convolutional() -> nn.Module:
    return nn.Sequential(
        layer.Conv2d(2, 6, 3, bias=False),
        layer.BatchNorm2d(6),
        neuron.LIFNode(),
        layer.AvgPool2d(2),
        layer.Dropout(0.5),
        layer.Flatten(),
        layer.Linear(54, 10),
        neuron.LIFNode(tau=4.0),
    )


def in_multistep_mode(net: nn.Module) -> nn.Module:
    functional.set_step_mode(net, "m")
    return net


class Residual(nn.Module):
    """A skip connection, which SpikingJelly exports as it is."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.n1 = nn.Linear(INPUTS, 30), neuron.IFNode()
        self.second, self.n2 = nn.Linear(30, 30), neuron.IFNode()
        self.third, self.n3 = nn.Linear(30, 10), neuron.IFNode()

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.n1(self.first(x))
        return self.n3(self.third(self.n2(self.second(hidden) + hidden)))


class Doubled(Residual):
    """h + h, of which the exporter keeps one h."""

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.n1(self.first(x))
        return self.n3(self.third(self.n2(self.second(hidden + hidden))))


def case(name: str, net: nn.Module, shape: tuple[int, ...] = (INPUTS,), writes: bool = True) -> Case:
    sample = torch.zeros(1, *shape)
    net.eval()

    def run(x: Tensor) -> Tensor:
        functional.reset_net(net)
        if name.endswith("multistep"):
            return net(x[:, None])[:, 0]
        return torch.cat([net(step[None]) for step in x])

    def graph() -> object:
        functional.reset_net(net)
        return export_to_nir(net, sample)

    return Case(name, run, lambda: from_spikingjelly(net, sample), graph if writes else None, shape)


if __name__ == "__main__":
    record(Path(sys.argv[1]), cases())
