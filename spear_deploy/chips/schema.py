"""What a chip profile holds.

The dataclasses are the schema: a figure's type says what its value may be (:mod:`spear_deploy.chips.parse`
reads them).  A field that defaults to None may be absent, because no public text gives the figure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Generic, Literal, TypeAlias, TypeVar

T = TypeVar("T")

AxonUnit: TypeAlias = Literal["neuron", "neuron_and_core", "position", "projection"]
ResetKind: TypeAlias = Literal["zero", "value", "subtract"]


@dataclass(frozen=True)
class Sourced(Generic[T]):
    """One figure: its value, the key of its source in :attr:`ChipProfile.sources`, and a remark."""

    value: T
    source: str
    note: str = ""


@dataclass(frozen=True)
class AtLeast:
    """A limit on a number, inclusive."""

    minimum: int

    def allows(self, value: float) -> bool:
        """Say whether ``value`` keeps the limit."""
        return value >= self.minimum

    def __str__(self) -> str:
        return f"at least {self.minimum}"


@dataclass(frozen=True)
class Positive:
    """The limit of a physical quantity: finite and above zero."""

    def allows(self, value: float) -> bool:
        """Say whether ``value`` keeps the limit."""
        return 0.0 < value < float("inf")

    def __str__(self) -> str:
        return "positive and finite"


Count: TypeAlias = Annotated[Sourced[int], AtLeast(1)]
Natural: TypeAlias = Annotated[Sourced[int], AtLeast(0)]
Quantity: TypeAlias = Annotated[Sourced[float], Positive()]


@dataclass(frozen=True, kw_only=True)
class Capacity:
    """How much there is.  Memory is counted in words of ``word_bits`` bits."""

    chips: Count
    cores_per_chip: Count
    neurons_per_core: Count
    word_bits: Count
    words_per_core: Count
    axons_in_per_core: Count
    axons_out_per_core: Count

    @property
    def cores(self) -> int:
        """Cores of all chips together."""
        return self.chips.value * self.cores_per_chip.value


@dataclass(frozen=True, kw_only=True)
class WeightFormat:
    """Widths of a weight in bits, and the range of the exponent that a group of weights shares."""

    bits_min: Count
    bits_max: Count
    exponent_min: Sourced[int] | None = None
    exponent_max: Sourced[int] | None = None


@dataclass(frozen=True, kw_only=True)
class NeuronFormat:
    """Registers of a neuron, and what it can do at a spike.

    The membrane is compared with ``threshold << threshold_shift``; ``state_bits`` are those of u and of v,
    signed; ``bias_mantissa_max`` is the magnitude that both signs have.  ``resets`` are the kinds the silicon
    has built in; ``programmable`` says whether a neuron program of one's own can do others;
    ``subtract_compartments`` is how many neurons a subtracting one costs where it is emulated.
    """

    threshold_bits: Count
    threshold_shift: Natural
    decay_bits: Count
    bias_mantissa_bits: Count
    bias_mantissa_max: Count
    bias_exponent_max: Natural
    state_bits: Count
    resets: Sourced[tuple[ResetKind, ...]]
    multi_spike: Sourced[bool]
    programmable: Sourced[bool]
    subtract_compartments: Count | None = None


@dataclass(frozen=True, kw_only=True)
class SpikeFormat:
    """What a spike carries: ``payload_bits`` is 0 where spikes are binary; ``delay_max`` is in steps."""

    payload_bits: Natural
    delay_max: Natural | None = None


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
class Picojoules:
    """Published range of one operation's energy."""

    low: Quantity
    high: Quantity


@dataclass(frozen=True, kw_only=True)
class EnergyTable:
    """Energy for each kind of operation."""

    synaptic_op: Picojoules
    neuron_update: Picojoules
    spike: Picojoules


@dataclass(frozen=True, kw_only=True)
class ChipProfile:
    """A chip or board.  ``sources`` maps the key that each figure names to the full reference."""

    name: str
    title: str
    sources: Mapping[str, str] = field(hash=False)
    capacity: Capacity
    weights: WeightFormat
    neuron: NeuronFormat
    spikes: SpikeFormat
    storage: StorageModel
    axons: AxonModel
    energy: EnergyTable | None = None
