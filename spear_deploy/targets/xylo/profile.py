"""What a profile of a Xylo chip holds.  Every figure is used: tests/targets/xylo/test_figures.py."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from spear_deploy.chips.figures import Between, Count, Sourced
from spear_deploy.chips.profile import ChipProfile

STATE_BITS, DECAY_BITS, SPIKES = Between(8, 16), Between(1, 4), Between(1, 255)
"""What the emulator computes with: sums of a step in 32 bits, and spikes of a step in a byte."""


@dataclass(frozen=True, kw_only=True)
class Capacity:
    """The capacity of the core.

    ``fan_out`` and ``fan_in`` are synapses of one hidden neuron, from and to others like it (the inputs' count as
    fan-in too); ``recurrent_entries`` are all synapses between hidden neurons.  Inputs reach only the first
    ``input_reach`` hidden neurons and outputs read only the last ``output_reach``, where these are given.
    """

    inputs: Count
    hidden_neurons: Count
    output_neurons: Count
    recurrent_entries: Count
    fan_out: Count
    fan_in: Count | None = None
    input_reach: Count | None = None
    output_reach: Count | None = None


@dataclass(frozen=True, kw_only=True)
class WeightFormat:
    """Weights are integers of ``bits``, shifted left by up to ``shift_max`` where they are added."""

    bits: Annotated[Sourced[int], Between(2, 8)]
    shift_max: Annotated[Sourced[int], Between(0, 8)]


@dataclass(frozen=True, kw_only=True)
class NeuronFormat:
    """Registers of a neuron: currents, membranes, thresholds and biases have ``state_bits``, signed.

    A decay is a shift of ``decay_bits``: what is kept in a step is 1 - 2^-shift.
    """

    state_bits: Annotated[Sourced[int], STATE_BITS]
    decay_bits: Annotated[Sourced[int], DECAY_BITS]


@dataclass(frozen=True, kw_only=True)
class SpikeFormat:
    """The most spikes of one step: of an input channel, a hidden neuron, an output neuron."""

    per_input: Annotated[Sourced[int], SPIKES]
    per_hidden: Annotated[Sourced[int], SPIKES]
    per_output: Annotated[Sourced[int], SPIKES]


@dataclass(frozen=True, kw_only=True)
class XyloProfile(ChipProfile):
    """A Xylo chip."""

    capacity: Capacity
    weights: WeightFormat
    neuron: NeuronFormat
    spikes: SpikeFormat

    @property
    def cores(self) -> int:
        """One."""
        return 1
