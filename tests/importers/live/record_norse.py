"""Norse: the cells that its exporter writes.  Parameters are vectors: nir writes no scalars."""

from __future__ import annotations

import sys
from pathlib import Path

import norse.torch as norse
import torch
from norse.torch.functional.reset import reset_subtract
from norse.torch.utils.export_nir import to_nir
from torch import Tensor, nn

from spear_deploy.importers import from_norse
from tests.importers.live.recording import INPUTS, NEURONS, Case, linear, louder, record


def cases() -> list[Case]:
    leak, zero, one = torch.linspace(50.0, 400.0, NEURONS), torch.zeros(NEURONS), torch.ones(NEURONS)
    box = norse.LIFBoxParameters(tau_mem_inv=leak, v_leak=zero, v_th=one / 2, v_reset=zero)
    cuba = norse.LIFParameters(tau_syn_inv=4 * leak / 2, tau_mem_inv=leak, v_leak=zero, v_th=one / 2, v_reset=zero)
    summing = norse.IAFParameters(v_th=one, v_reset=zero)
    soft = box._replace(reset_method=reset_subtract)
    reading = norse.LIBoxParameters(tau_mem_inv=leak, v_leak=zero)
    rising = {"v_leak": 0.375 * one, "v_reset": -0.25 * one}
    offset = norse.LIBoxParameters(tau_mem_inv=leak, v_leak=one / 4)
    soft_and_read = norse.SequentialState(
        linear(), norse.LIFBoxCell(soft), nn.Linear(NEURONS, NEURONS), norse.LIBoxCell(reading)
    )
    odd = norse.SequentialState(
        nn.Conv2d(2, 4, (3, 4), padding="same"),
        norse.LIFBoxCell(),
        nn.AvgPool2d(3, 2, padding=1),
        nn.Flatten(),
        nn.Linear(80, 10),
        norse.LIFCell(),
    )
    maps = norse.SequentialState(
        nn.Conv2d(2, 6, 3, bias=False),
        nn.BatchNorm2d(6),
        norse.LIFBoxCell(),
        nn.Dropout(0.5),
        nn.Conv2d(6, 3, 3),
        norse.LIFCell(),
    )
    return [
        case("LIFBoxCell", behind(norse.LIFBoxCell(box))),
        case("LIFCell", behind(norse.LIFCell(cuba))),
        case("IAFCell", behind(norse.IAFCell(summing))),
        case("LIBoxCell", behind(norse.LIBoxCell(reading))),
        case("LIFBoxCell-start", behind(norse.LIFBoxCell(box._replace(**rising)))),
        case("LIFCell-start", behind(norse.LIFCell(cuba._replace(**rising)))),
        case("LIFBoxCell-soft-start", behind(norse.LIFBoxCell(soft._replace(v_leak=0.25 * one))), writes=False),
        case("LIBoxCell-start", behind(norse.LIBoxCell(offset))),
        case("oddly-shaped", louder(odd, 8.0), (2, 9, 8), writes=False),
        case("soft-and-read", soft_and_read, writes=False),
        case("LICell", behind(norse.LICell(norse.LIParameters(4 * leak / 2, leak, one / 4))), writes=False),
        case("in-double-precision", behind(norse.LIFBoxCell(box)).double(), writes=False),
        case("looping", louder(Looping(), 8.0), writes=False),
        case("convolutional", louder(maps, 8.0), (2, 8, 8), writes=False),
    ]


class Looping(nn.Module):
    """A forward over all steps, which keeps the states itself, as Norse's tutorials have it."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.hidden = nn.Linear(INPUTS, 30), norse.LIFCell()
        self.second, self.last = nn.Linear(30, 10), norse.LIFBoxCell()

    def forward(self, x: Tensor) -> Tensor:
        hidden_state = last_state = None
        outputs = []
        for step in range(len(x)):
            hidden, hidden_state = self.hidden(self.first(x[step]), hidden_state)
            last, last_state = self.last(self.second(hidden), last_state)
            outputs.append(last)
        return torch.stack(outputs)


def behind(cell: nn.Module) -> nn.Module:
    return norse.SequentialState(linear(), cell)


def case(name: str, net: nn.Module, shape: tuple[int, ...] = (INPUTS,), writes: bool = True) -> Case:
    net.eval()

    def run(x: Tensor) -> Tensor:
        if isinstance(net, Looping):
            return net(x[:, None])[:, 0]
        x = x.to(next(net.parameters()).dtype)
        state, outputs = None, []
        for step in x:
            y, state = net(step[None], state)
            outputs.append(y)
        return torch.cat(outputs)

    graph = (lambda: to_nir(net, torch.zeros(shape))) if writes else None
    return Case(name, run, lambda: from_norse(net, torch.zeros(1, *shape)), graph, shape)


if __name__ == "__main__":
    record(Path(sys.argv[1]), cases())
