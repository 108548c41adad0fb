"""What a profile of a Loihi chip or board holds.  Every figure is used: tests/targets/loihi/test_figures.py."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal, TypeAlias

from spear_deploy.chips.figures import Between, Count, Natural, Sourced
from spear_deploy.chips.profile import ChipProfile

DECAY_BITS, STATE_BITS, SHIFT = Between(1, 15), Between(8, 30), Between(0, 8)
"""Widths that 32-bit arithmetic is exact for: a decay's product is split at its width, a state may double."""

AxonUnit: TypeAlias = Literal["neuron", "neuron_and_core", "position", "projection"]
BuiltInReset: TypeAlias = Literal["zero", "subtract"]


@dataclass(frozen=True, kw_only=True)
class Capacity:
    """The capacity of a core.  Memory is counted in words of ``word_bits`` bits.

    ``vector_words_per_core``, where there is one, is how full of synapses the tiles of vectors may be.
    """

    chips: Count
    cores_per_chip: Count
    neurons_per_core: Count
    word_bits: Count
    words_per_core: Count
    axons_in_per_core: Count
    axons_out_per_core: Count
    vector_words_per_core: Count | None = None

    @property
    def cores(self) -> int:
        """Cores of all chips together."""
        return self.chips.value * self.cores_per_chip.value


@dataclass(frozen=True, kw_only=True)
class WeightFormat:
    """Widths of a weight in bits, and the largest exponent that a group of weights can share.

    Lava's synapses hold 8 bits (``num_weight_bits`` of Dense), and the emulator no more.
    """

    bits_min: Annotated[Sourced[int], Between(1, 8)]
    bits_max: Annotated[Sourced[int], Between(2, 8)]
    exponent_max: Annotated[Sourced[int], Between(0, 7)] | None = None


@dataclass(frozen=True, kw_only=True)
class NeuronFormat:
    """Registers of a neuron, and what it can do at a spike.

    The membrane is compared with ``threshold << threshold_shift``; ``state_bits`` are those of u and of v,
    signed; ``bias_mantissa_max`` is the magnitude that both signs have.  ``resets`` are the kinds the silicon
    has built in; ``programmable`` says whether a neuron program of one's own can do others;
    ``subtract_compartments`` is how many neurons a subtracting one costs where it is emulated.
    """

    threshold_bits: Annotated[Sourced[int], Between(1, 20)]
    threshold_shift: Annotated[Sourced[int], SHIFT]
    decay_bits: Annotated[Sourced[int], DECAY_BITS]
    bias_mantissa_max: Annotated[Sourced[int], Between(1, 65535)]
    bias_exponent_max: Annotated[Sourced[int], Between(0, 7)]
    state_bits: Annotated[Sourced[int], STATE_BITS]
    resets: Sourced[tuple[BuiltInReset, ...]]
    programmable: Sourced[bool]
    subtract_compartments: Count | None = None


@dataclass(frozen=True, kw_only=True)
class SpikeFormat:
    """What a spike carries: ``payload_bits`` is 0 where spikes are binary; ``delay_max`` is in steps."""

    payload_bits: Annotated[Sourced[int], Between(0, 64)]
    delay_max: Annotated[Sourced[int], Between(0, 62)] | None = None


@dataclass(frozen=True, kw_only=True)
class StorageModel:
    """How synapses fill words.

    The synapses of one input are stored as blocks of at most ``block_synapses`` (absent: one block); a block
    takes ``header_bits``, and for each synapse the weight and an index, rounded up to whole words.
    """

    header_bits: Natural
    dense_index_bits: Natural
    conv_index_bits: Natural
    block_synapses: Count | None = None


@dataclass(frozen=True, kw_only=True)
class AxonRule:
    """One kind of axon takes ``entries`` table entries for each ``per``.

    ``per`` is a neuron, a neuron and a core that it reaches, a map position (all its channels), or a projection.
    """

    per: Sourced[AxonUnit]
    entries: Count


@dataclass(frozen=True, kw_only=True)
class AxonModel:
    """Axon entries of a core: for what it receives (``in``) and what it sends (``out``), by kind of synapses."""

    dense_in: AxonRule
    conv_in: AxonRule
    dense_out: AxonRule
    conv_out: AxonRule


@dataclass(frozen=True, kw_only=True)
class LoihiProfile(ChipProfile):
    """A Loihi chip or board."""

    capacity: Capacity
    weights: WeightFormat
    neuron: NeuronFormat
    spikes: SpikeFormat
    storage: StorageModel
    axons: AxonModel

    @property
    def cores(self) -> int:
        """Cores of all chips together."""
        return self.capacity.cores

    def objections(self) -> Iterator[tuple[str, str]]:
        """Yield figures that contradict others: path and reason."""
        yield from super().objections()
        weights, neuron = self.weights, self.neuron
        if weights.bits_min.value > weights.bits_max.value:
            yield "weights.bits_min", f"is {weights.bits_min.value}, above bits_max, {weights.bits_max.value}"
        threshold, state = neuron.threshold_bits.value + neuron.threshold_shift.value, neuron.state_bits.value
        if threshold > state - 1:
            reason = f"takes {threshold} bits with its shift, of which a membrane has {state - 1} and a sign"
            yield "neuron.threshold_bits", reason
