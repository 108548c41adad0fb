"""sinabs: IAF, LIF and ExpLeak, with single and multiple spikes, both resets, clip and synapses."""
# ruff: noqa: E402

from __future__ import annotations

import sys
import types
from pathlib import Path

sys.modules.setdefault("pylab", types.ModuleType("pylab"))  # sinabs imports it for one plot; it is not installed

import sinabs.layers as sl
import torch
from sinabs.activation import MembraneReset, SingleSpike
from sinabs.from_torch import from_model
from sinabs.nir import to_nir
from torch import Tensor, nn

from spear_deploy.importers import from_sinabs
from tests.importers.live.recording import INPUTS, NEURONS, Case, linear, louder, record


def cases() -> list[Case]:
    tau, one = torch.linspace(2.0, 40.0, NEURONS), torch.ones(NEURONS)
    single = {"spike_fn": SingleSpike, "reset_fn": MembraneReset()}
    leaky = {"tau_mem": tau, "spike_threshold": one}
    squeezed = {"batch_size": 1, "min_v_mem": -1.0}
    maps = nn.Sequential(
        nn.Conv2d(2, 6, 3, bias=False),
        nn.BatchNorm2d(6),
        sl.IAFSqueeze(**squeezed),
        sl.SumPool2d(2),
        nn.Dropout(0.5),
        nn.Flatten(),
        nn.Linear(54, 10),
        sl.IAFSqueeze(**squeezed),
    )
    odd = nn.Sequential(
        nn.Conv2d(2, 4, (3, 4), padding="same"),
        sl.IAFSqueeze(**squeezed),
        nn.AvgPool2d(3, 2, padding=1),
        nn.Flatten(),
        nn.Linear(80, 10),
        sl.IAFSqueeze(**squeezed),
    )
    analog = nn.Sequential(
        nn.Conv2d(2, 4, (2, 3)), nn.ReLU(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(36, 10), nn.ReLU()
    )
    repeated = nn.Sequential(
        sl.Repeat(nn.Conv2d(2, 4, 3, bias=False)), sl.IAF(), nn.Flatten(2), nn.Linear(144, 10, bias=False), sl.IAF()
    )
    of_many_kinds = nn.Sequential(
        *(linear(), sl.IAF(spike_threshold=2.0, min_v_mem=-2.0)),
        *(nn.Linear(NEURONS, 30), sl.LIF(tau_mem=8.0, spike_fn=SingleSpike, norm_input=False)),
        *(nn.Linear(30, 10), sl.IAF(min_v_mem=-0.5)),
    )
    last = nn.Linear(NEURONS, NEURONS)
    wrapped = from_model(analog, input_shape=(2, 8, 8), batch_size=1)
    return [
        case("IAF", behind(sl.IAF())),
        case("IAF-clip", behind(sl.IAF(min_v_mem=-0.25))),
        case("IAF-single", behind(sl.IAF(**single))),
        case("LIF", behind(sl.LIF(**leaky), 6.0)),
        case("LIF-unnormed", behind(sl.LIF(**leaky, norm_input=False), 0.5)),
        case("LIF-single-clip", behind(sl.LIF(**leaky, **single, min_v_mem=-0.25, norm_input=False))),
        case("LIF-synaptic", behind(sl.LIF(**leaky, tau_syn=4.0), 2.0)),
        case("ExpLeak", behind(sl.ExpLeak(tau_mem=tau))),
        case("convolutional", louder(maps, 1.0, 0.02), (2, 8, 8), writes=False),
        case("oddly-shaped", louder(odd, 1.0, 0.02), (2, 9, 8), writes=False),
        case("of-a-network", louder(wrapped, 1.0, 0.02), (2, 8, 8), writes=False),
        case("residual", louder(Residual()), writes=False),
        case("merged", louder(Merged()), writes=False),
        case("of-many-kinds", of_many_kinds, writes=False),
        case("repeated", louder(repeated, 1.0, 0.02), (2, 8, 8), writes=False),
        case(
            "LIF-and-ExpLeak", nn.Sequential(linear(6.0), sl.LIF(**leaky), last, sl.ExpLeak(tau_mem=8.0)), writes=False
        ),
    ]


def behind(layer: nn.Module, scale: float = 1.0) -> nn.Module:
    return nn.Sequential(linear(scale), layer)


class Merged(nn.Module):
    """A skip connection by sinabs' own layer."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.n1 = nn.Linear(INPUTS, 30), sl.IAF()
        self.second, self.n2 = nn.Linear(30, 30), sl.IAF()
        self.merge = sl.Merge()

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.n1(self.first(x))
        return self.n2(self.merge(self.second(hidden), hidden))


class Residual(nn.Module):
    """A skip connection, which sinabs' own exporter loses."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.n1 = nn.Linear(INPUTS, 30), sl.IAF()
        self.second, self.n2 = nn.Linear(30, 30), sl.IAF()
        self.third, self.n3 = nn.Linear(30, 10), sl.IAF()

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.n1(self.first(x))
        return self.n3(self.third(self.n2(self.second(hidden) + hidden)))


def case(name: str, net: nn.Module, shape: tuple[int, ...] = (INPUTS,), writes: bool = True) -> Case:
    net.eval()

    def run(x: Tensor) -> Tensor:
        for layer in net.modules():
            if isinstance(layer, sl.StatefulLayer):
                layer.reset_states()
        return net(x) if any(isinstance(layer, sl.SqueezeMixin) for layer in net.modules()) else net(x[None])[0]

    sample = torch.zeros(1, *shape)
    graph = (lambda: to_nir(net, sample[None])) if writes else None
    return Case(name, run, lambda: from_sinabs(net, sample), graph, shape)


if __name__ == "__main__":
    record(Path(sys.argv[1]), cases())
