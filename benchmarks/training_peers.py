"""The float peers of a step of training: snnTorch, a step compiled by torch, and SpikingJelly over all steps at once.

Each is a callable from spikes (T, B, *shape) to the output's spikes (T, B, outputs), and holds the same weights.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.networks import BETA
from benchmarks.peers import SnnTorchStep, Step
from spear_deploy.network import AvgPool2d, Conv2d, Flatten, Linear, LinearOp, Network
from tests.frameworks import FOLDER


class SurrogateStep(Step):
    """A step whose spikes pass the gradient of an arc tangent, in operations that torch can compile."""

    def fire(self, name: str, total: Tensor, membrane: Tensor) -> tuple[Tensor, Tensor]:
        """Return spikes and the membrane that is left."""
        v = BETA * membrane + total
        smooth = torch.atan(torch.pi * (v - 1.0)) / torch.pi
        fired = (v > 1.0).to(v.dtype)
        return fired + smooth - smooth.detach(), v * (1.0 - fired.detach())


class Stepwise(nn.Module):
    """A network that goes step by step."""

    def __init__(self, step: Step, advance: Callable[..., Any]) -> None:
        super().__init__()
        self.step, self._advance = step.requires_grad_(), advance

    def forward(self, x: Tensor) -> Tensor:
        """Return the output's spikes."""
        sent = membranes = self.step.zeros(x.shape[1])
        out = []
        for each in x:
            sent, membranes = self._advance(each, sent, membranes)
            out.append(sent[self.step.network.outputs[0]])
        return torch.stack(out)


def snntorch_peer(network: Network) -> nn.Module:
    """Return snnTorch, eager."""
    step = SnnTorchStep(network)
    return Stepwise(step, step)


def compiled_peer(network: Network) -> nn.Module:
    """Return a step that torch compiled, backward too."""
    step = SurrogateStep(network)
    torch._dynamo.reset()
    return Stepwise(step, torch.compile(step, dynamic=False))


def spikingjelly_peer(network: Network) -> nn.Module | None:
    """Return SpikingJelly in its multi-step mode: what has no state runs on all steps at once.

    None for a network that feeds itself: its container for that has a further matrix.
    """
    if any(projection.delay for projection in network.projections):
        return None
    folder = str(FOLDER / "spikingjelly")
    if folder not in sys.path:
        sys.path.append(folder)
    from spikingjelly.activation_based import functional, layer, neuron

    modules: list[nn.Module] = []
    for population in network.neurons:
        (projection,) = network.into(population.name)
        modules += _modules(projection.ops, layer)
        modules.append(neuron.LIFNode(tau=1 / (1 - BETA), decay_input=False, v_reset=0.0, detach_reset=True))
    net = nn.Sequential(*modules)
    functional.set_step_mode(net, "m")
    if torch.cuda.is_available() and importlib.util.find_spec("cupy") is not None:
        functional.set_backend(net, "cupy")
    net.register_forward_pre_hook(lambda module, inputs: functional.reset_net(module))
    return net


def _modules(ops: Sequence[LinearOp], layer: Any) -> list[nn.Module]:
    modules: list[nn.Module] = []
    for op in ops:
        match op:
            case Conv2d():
                outputs, inputs, *kernel = op.weight.shape
                module = layer.Conv2d(inputs * op.groups, outputs, kernel, op.stride, op.padding, bias=False)
            case Linear():
                module = layer.Linear(op.weight.shape[1], op.weight.shape[0], bias=False)
            case Flatten():
                modules.append(layer.Flatten())
                continue
            case AvgPool2d():
                modules.append(layer.AvgPool2d(op.kernel, op.stride, op.padding))
                continue
            case _:
                raise AssertionError(f"no peer has {type(op).__name__}")
        module.weight.data = torch.tensor(op.weight)
        modules.append(module)
    return modules
