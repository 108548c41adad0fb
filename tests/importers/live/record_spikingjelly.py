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
        case("oddly-shaped", louder(oddly_shaped(), 6.0, 0.3), maps, writes=False),
        case("one-dimensional", louder(one_dimensional(), 6.0, 0.3), (2, 16), writes=False),
        case("named", louder(Named()), writes=False),
        case("residual", louder(Residual()), writes=False),
        case("doubled", louder(Doubled()), writes=False),
        case("contained-multistep", louder(contained()), maps, writes=False),
        case("stepped-multistep", louder(stepped()), writes=False),
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


def oddly_shaped() -> nn.Module:
    return nn.Sequential(
        layer.Conv2d(2, 4, (3, 4), padding="same"),
        neuron.LIFNode(),
        layer.AvgPool2d(3, 2, padding=1),
        layer.Conv2d(4, 4, (1, 3), groups=2),
        neuron.LIFNode(),
        layer.Flatten(),
        layer.Linear(32, 10),
        neuron.LIFNode(tau=4.0),
    )


def one_dimensional() -> nn.Module:
    conv = layer.Conv1d(2, 4, 4, padding=1)
    return nn.Sequential(conv, neuron.LIFNode(), layer.Flatten(), layer.Linear(60, 10), neuron.LIFNode(tau=4.0))


def contained() -> nn.Module:
    """Layers of torch in containers that join time and batch for them, beside neurons in multi-step mode."""
    return nn.Sequential(
        layer.SeqToANNContainer(nn.Conv2d(2, 6, 3, bias=False), nn.BatchNorm2d(6)),
        neuron.LIFNode(step_mode="m"),
        layer.SeqToANNContainer(nn.AvgPool2d(2), nn.Flatten()),
        layer.SeqToANNContainer(nn.Linear(54, 10)),
        neuron.LIFNode(tau=4.0, step_mode="m"),
    )


def stepped() -> nn.Module:
    """Layers in a container that loops over the steps."""
    return layer.MultiStepContainer(nn.Linear(INPUTS, 30), neuron.IFNode(), nn.Linear(30, 10), neuron.LIFNode())


class Named(nn.Module):
    """Layers in blocks with names of their own."""

    def __init__(self) -> None:
        super().__init__()
        self.block = nn.ModuleDict({"dense": nn.Linear(INPUTS, 30), "fire_1": neuron.IFNode()})
        self.head = nn.Sequential(nn.Linear(30, 10), neuron.IFNode())

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.block["fire_1"](self.block["dense"](x)))


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
