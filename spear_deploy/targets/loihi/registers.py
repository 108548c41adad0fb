"""The integer ranges that a chip's neurons and synapses give to quantisation, and the range of its input."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spear_deploy.chips.schema import ChipProfile

Reset: TypeAlias = Literal["value", "subtract", "late"]
"""What a chip's neuron can be made to do: reset to a value, by subtraction, and either a step after the spike."""


@dataclass(frozen=True)
class Registers:
    """The integer ranges of a chip's neuron and synapse that quantisation must respect.

    ``layered``: all projections into a population share one exponent, and their weights spend a bit on the sign.
    """

    weight_bits: int = 8
    max_weight_exponent: int = 7
    max_threshold: int = 131_071
    max_decay: int = 4095
    max_bias_mantissa: int = 4095
    max_bias_exponent: int = 7
    max_payload: int = 255
    min_bias_exponent: int = 0
    max_delay: int = 62
    resets: frozenset[Reset] = frozenset({"value", "subtract", "late"})
    layered: bool = False

    @classmethod
    def of(cls, chip: ChipProfile, weight_bits: int | None = None) -> Registers:
        """Return the ranges of a chip; ``weight_bits`` may ask for fewer bits than it has."""
        bits = min(weight_bits or chip.weights.bits_max.value, chip.weights.bits_max.value, 8)
        exponent, delay = chip.weights.exponent_max, chip.spikes.delay_max
        return cls(
            weight_bits=bits,
            max_weight_exponent=min(7, exponent.value) if exponent else 7,
            max_threshold=(1 << chip.neuron.threshold_bits.value) - 1,
            max_decay=(1 << chip.neuron.decay_bits.value) - 1,
            max_bias_mantissa=chip.neuron.bias_mantissa_max.value,
            max_bias_exponent=chip.neuron.bias_exponent_max.value,
            max_payload=min(255, (1 << chip.spikes.payload_bits.value) - 1) or 1,
            max_delay=min(62, delay.value) if delay else 62,
            resets=_resets(chip),
        )

    def within_net(self) -> Registers:
        """Return those of these ranges that lava-dl's .net format can hold (:mod:`spear_deploy.targets.loihi.net_export`)."""
        exponent = min(1, self.max_weight_exponent)
        resets: frozenset[Reset] = frozenset({"value"})
        return replace(self, max_weight_exponent=exponent, min_bias_exponent=6, resets=resets, layered=True)

    def max_mantissa(self, weight: NDArray[np.float64]) -> int:
        """Return the largest magnitude of a mantissa: weights that share a sign need no bit for it."""
        mixed = self.layered or bool(np.any(weight < 0) and np.any(weight > 0))
        return (1 << (self.weight_bits - mixed)) - 1


def _resets(chip: ChipProfile) -> frozenset[Reset]:
    if chip.neuron.programmable.value:
        return frozenset({"value", "subtract", "late"})
    return frozenset({"value", "subtract"} if chip.neuron.subtract_compartments else {"value"})


@dataclass(frozen=True)
class InputRange:
    """What is fed into an input population: values 0..``maximum``; ``integral`` if all are integers."""

    maximum: float = 1.0
    integral: bool = True
