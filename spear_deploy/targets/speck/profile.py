"""What a profile of a Speck chip holds.  Every figure is used: tests/targets/speck/test_figures.py."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from spear_deploy.chips.figures import Between, Count, Counts, Natural, Sourced
from spear_deploy.chips.profile import ChipProfile
from spear_deploy.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Cores:
    """Memory of each core, in words, core 0 first; ``destinations`` is how many cores a core can send to.

    Raises :class:`InputError` (E011) unless there are as many cores of each kind of word.
    """

    kernel_words: Counts
    neuron_words: Counts
    bias_words: Counts
    destinations: Count

    def __post_init__(self) -> None:
        lengths = [len(each.value) for each in (self.kernel_words, self.neuron_words, self.bias_words)]
        if len(set(lengths)) != 1:
            message = f"kernel, neuron and bias words are those of {', '.join(map(str, lengths))} cores"
            raise InputError.of("E011", "memory", message, "give each a number for every core")


@dataclass(frozen=True, kw_only=True)
class LayerLimits:
    """Largest kernel, padding, number of channels and maps (one side, in cells); the strides and poolings there are."""

    kernel_max: Count
    padding_max: Natural
    channels_max: Count
    strides: Counts
    pools: Counts
    input_map_max: Count
    output_map_max: Count


@dataclass(frozen=True, kw_only=True)
class Words:
    """Widths in bits, all signed; the two thresholds, at which a neuron fires and below which it never is, share one.

    Integers of other widths than the emulators' are not computed with.
    """

    weight_bits: Annotated[Sourced[int], Between(2, 8)]
    bias_bits: Annotated[Sourced[int], Between(2, 8)]
    threshold_bits: Annotated[Sourced[int], Between(2, 16)]


@dataclass(frozen=True, kw_only=True)
class SpeckProfile(ChipProfile):
    """A Speck chip; ``readout_classes`` is how many outputs its readout distinguishes."""

    memory: Cores
    layers: LayerLimits
    words: Words
    readout_classes: Count

    @property
    def cores(self) -> int:
        """Number of cores."""
        return len(self.memory.kernel_words.value)
