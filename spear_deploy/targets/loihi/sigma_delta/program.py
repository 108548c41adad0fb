"""A sigma-delta network as the program of one chip: its integers are those that run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from spear_deploy.network.fan_out import FanOut, fan_outs
from spear_deploy.network.ops import Shape
from spear_deploy.network.sigma_delta import SigmaDeltaNetwork, SigmaDeltaPopulation
from spear_deploy.network.synapses import Synapses
from spear_deploy.targets.ports import InputPort

STATE_BITS = 24
"""Of a state of the chip's neurons, and of the sum that one step brings them."""
MESSAGE_BITS = 16
"""Of a message, as netx sets it."""
LARGEST_MESSAGE = (1 << (MESSAGE_BITS - 1)) - 1
LARGEST_STATE = (1 << (STATE_BITS - 1)) - 1


@dataclass(frozen=True, eq=False)
class SigmaDeltaProgram:
    """What a backend runs; see :class:`~spear_deploy.network.sigma_delta.SigmaDeltaNetwork` for its equations.

    All populations share one clock: step t is the same for all, so that population k of the chain hears of an input k
    steps later.
    """

    chip: str
    network: SigmaDeltaNetwork

    @property
    def target(self) -> str:
        """Name of the target."""
        return "loihi"

    @property
    def inputs(self) -> tuple[InputPort, ...]:
        """The input: integers that the encoder's state holds, or messages."""
        given, encoder = self.network.input, self.network.encoder
        largest = LARGEST_MESSAGE if encoder is None else LARGEST_STATE >> encoder.shift
        return (InputPort(given.name, given.shape, largest, min_value=-largest - 1),)

    @property
    def populations(self) -> tuple[SigmaDeltaPopulation, ...]:
        """Neurons, in the order of the chain."""
        return self.network.populations

    @property
    def outputs(self) -> tuple[str, ...]:
        """The last population."""
        return (self.network.populations[-1].name,)

    @property
    def shapes(self) -> Mapping[str, Shape]:
        """Shape of the input and of every population."""
        return self.network.shapes

    @property
    def synapses(self) -> tuple[Synapses, ...]:
        """Integer synapses of every projection."""
        return self.network.synapses

    @property
    def counted(self) -> frozenset[str]:
        """None: a message is one, whatever it says."""
        return frozenset()

    @cached_property
    def fan_outs(self) -> tuple[FanOut, ...]:
        """Synapses that leave each neuron: what a message costs."""
        return fan_outs(self.synapses, self.shapes)

    def integers(self) -> dict[str, Any]:
        """Return the integers by the names of the network."""
        return {
            "chip": self.chip,
            "populations": {p.name: {"threshold": p.threshold, "bias": p.bias} for p in self.populations},
            "projections": {s.name: {"weight": s.weight} for s in self.synapses},
        }
