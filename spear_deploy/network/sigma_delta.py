"""Networks of sigma-delta neurons: integers that send graded messages, and only on change.

Unlike a :class:`~spear_deploy.network.Network`, they are integer and do not spike.  A message is a signed integer, the
change of a neuron's value, and receivers accumulate messages.  With ``m`` the messages of the step before,
``k = spike_exp + state_exp`` and ``W`` the integer weights, a neuron does in each step::

    delta         act'  = x << k                                 the encoder of the input's integers x
    sigma_delta   sigma = sigma + W m,    act' = f(sigma + (bias << k))           f: relu, or unit: as it is
    sigma         sigma = sigma + W m,    sent: sigma            the decoder, a readout

    delta = act' - act + residue,         act = act'
    s     = delta  if |delta| >= vth << k  else 0                with a cumulative error, |error + delta| in its place
    residue = delta - s,                  sent: s >> state_exp   (rounded down)

All states start at 0.  Source: Lava 0.10.0, lava/proc/sdn/models.py and process.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from math import prod
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spear_deploy.network.graph import Input
from spear_deploy.network.ops import Shape
from spear_deploy.network.synapses import ConvSynapses, Synapses

Kind: TypeAlias = Literal["delta", "sigma_delta", "sigma"]
Activation: TypeAlias = Literal["relu", "unit"]
Integers: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class SigmaDeltaPopulation:
    """Neurons of one kind: ``shape`` is (C, H, W) or (N,).

    ``threshold``, one for all, and ``bias``, () or of that shape, are in units of the input's integers; a decoder has
    neither, an encoder no bias.  ``cumulative_error``: unsent changes accumulate until they reach the threshold.
    """

    name: str
    shape: Shape
    kind: Kind
    threshold: int
    bias: Integers
    activation: Activation = "relu"
    cumulative_error: bool = False
    spike_exp: int = 6
    state_exp: int = 6

    @property
    def size(self) -> int:
        """Number of neurons."""
        return prod(self.shape)

    @property
    def is_readout(self) -> bool:
        """Whether it sends no messages: its output is its accumulated sum."""
        return self.kind == "sigma"

    @property
    def shift(self) -> int:
        """Fractional bits of the states: 1 in the input's integers is 1 << shift in a state."""
        return self.spike_exp + self.state_exp


@dataclass(frozen=True, eq=False)
class SigmaDeltaNetwork:
    """A chain: the input, then populations, each fed by the one before through synapses that take one step.

    ``synapses`` have integer weights, and their sources and targets are neighbours, in order.  A first population of
    kind ``delta`` has none: it encodes what the input is fed in the same step.  Without it, the input is fed messages.

    Raises :class:`ValueError` if the populations do not form a chain.
    """

    input: Input
    populations: tuple[SigmaDeltaPopulation, ...]
    synapses: tuple[Synapses, ...]

    def __post_init__(self) -> None:
        names = [self.input.name, *(each.name for each in self.populations)]
        kinds = [each.kind for each in self.populations]
        if not kinds or len({*names}) < len(names):
            raise ValueError("there is no population, or two have the same name")
        if "delta" in kinds[1:] or "sigma" in kinds[:-1]:
            raise ValueError("only the first population may be an encoder, and only the last a decoder")
        senders = [each.name for each in self.senders]
        if [(each.source, each.target) for each in self.synapses] != list(pairwise(senders)):
            raise ValueError("synapses do not lead from each population to the next")

    @property
    def encoder(self) -> SigmaDeltaPopulation | None:
        """The delta encoder after the input, if there is one."""
        first = self.populations[0]
        return first if first.kind == "delta" else None

    @property
    def senders(self) -> tuple[Input | SigmaDeltaPopulation, ...]:
        """The populations joined by the chain of synapses, in order, with the input first if it sends messages."""
        return self.populations if self.populations[0].kind == "delta" else (self.input, *self.populations)

    @property
    def latency(self) -> int:
        """Steps from a value at the input to its first effect on the output: one per projection."""
        return len(self.synapses)

    @cached_property
    def shapes(self) -> dict[str, Shape]:
        """Shape of the input and of every population, by name."""
        return {self.input.name: self.input.shape} | {each.name: each.shape for each in self.populations}


def synapse_kind(synapses: Synapses) -> str:
    """Return what reports call synapses: a convolution or a matrix."""
    return "Conv2d" if isinstance(synapses, ConvSynapses) else "Linear"
