"""A network in training that computes what its program computes: forward event by event, backward by rates.

Forward is the event emulator's own run of the program that the present weights are lowered to, so that the integers and
the activity that is trained are those of the chip.  Events have no gradient; backward takes the rates, spikes a step in
the mean over a sample, which integrate-and-fire neurons follow (Wu et al. 2021, "A Tandem Learning Rule for Effective
Training and Rapid Inference of Deep Spiking Neural Networks", arXiv:1907.01167)::

    rate = max(0, (gain * sum of weights times the rates that arrive + biases) / threshold)

The rates that arrive are those that were counted, so that errors do not add up from layer to layer.  A neuron that
fired passes its gradient on, even where inhibition outweighs in the mean, which the lower limit forgets; one that did
not, a share of it, the less the more spikes it is short of firing, so that what training silenced can come back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from spear_deploy.execution import Execution
from spear_deploy.network import Network
from spear_deploy.network.fan_out import FanOut
from spear_deploy.simulate.simulator import Chain, NetworkSimulator
from spear_deploy.targets.protocol import Lowered
from spear_deploy.targets.speck.emulator.events import EventEmulator
from spear_deploy.targets.speck.program import SpeckProgram

_SHORT = 4.0
"""So many spikes a sample short of firing, a silent neuron passes half of its gradient on."""


class SpeckSimulator(NetworkSimulator):
    """Runs a network as the integers of its program, event by event; the underlying weights and biases are floats.

    ``lower`` quantises a network.  ``forward`` takes numbers of events, and gives the program's spikes, to
    the last one.
    """

    def __init__(self, network: Network, lower: Callable[[Network], Lowered]) -> None:
        super().__init__(network, {p.name: Chain(p.ops) for p in network.projections}, {})
        self.counted = frozenset(port.name for port in network.inputs)
        self._lower = lower

    def run(self, payloads: Mapping[str, Tensor], membranes: dict[str, Tensor] | None = None) -> dict[str, Tensor]:
        """Run numbers of events (T, B, *shape); ``membranes`` receives those of all populations, in float units.

        Raises :class:`~spear_deploy.errors.InputError` (E039) for other values.
        """
        program = self._settle()
        device = next(iter(payloads.values())).device
        events = {port.name: port.encode(payloads[port.name].detach().cpu().numpy()) for port in program.inputs}
        emulator = EventEmulator(program, Execution(threads=torch.get_num_threads()))
        run = emulator.run(events, membranes=membranes is not None)
        rates = {name: x.mean(dim=0, dtype=torch.float32)[None] for name, x in payloads.items()}
        out: dict[str, Tensor] = {}
        for layer in program.populations:
            counted = torch.from_numpy(np.ascontiguousarray(run.spikes[layer.name], np.float32)).to(device)
            out[layer.name], rates[layer.name] = CountedRates.apply(self._expected(layer.name, rates), counted)  # type: ignore[no-untyped-call]
            if membranes is not None:
                membranes[layer.name] = torch.from_numpy(run.membrane[layer.name] / layer.scale)
        return out

    def fan_outs(self) -> tuple[FanOut, ...]:
        """Return how many synaptic operations an event of each neuron causes, by the chip's own rule."""
        return self._settle().fan_outs

    def _settle(self) -> SpeckProgram:
        """Return the program of the present weights."""
        program = self._lower(self.to_network()).program
        assert isinstance(program, SpeckProgram)
        return program

    def _expected(self, name: str, rates: Mapping[str, Tensor]) -> Tensor:
        """Return the rates (1, B, *shape) of a population that neither limits nor rounds, from those that arrive."""
        neuron = self.structure[name].neuron  # type: ignore[union-attr]
        gain, bias, threshold = (
            torch.from_numpy(values).to(next(iter(rates.values())).device)
            for values in (neuron.gain, neuron.bias, neuron.threshold)
        )
        return (gain * self.arriving(name, rates) + bias) / threshold


class CountedRates(torch.autograd.Function):
    """Gives the spikes (T, B, *shape) that were counted, and their rates (1, B, *shape), in place of those expected."""

    @staticmethod
    def forward(ctx: Any, expected: Tensor, counted: Tensor) -> tuple[Tensor, Tensor]:
        """Keep what share of a gradient each neuron passes on."""
        rates = counted.mean(dim=0, keepdim=True)
        short = (expected * len(counted)).clamp(max=0.0) / _SHORT
        ctx.save_for_backward(torch.where(rates > 0, 1.0, 1 / (1 + short.square())))
        return counted, rates

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        """Sum what is wanted of the spikes of all steps, and of the rates."""
        (share,) = ctx.saved_tensors
        of_spikes, of_rates = gradients
        return (of_spikes.sum(dim=0, keepdim=True) + of_rates) * share, None
