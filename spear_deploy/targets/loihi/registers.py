"""Loihi's register widths, in one place: what neurons compute with, and what quantisation may fill.

Per step, with ``D`` decay bits, ``S`` bits of shift, ``W = 2^(state bits - 1)``, ``tz(x, d) = sgn(x) (|x| d >> D)``::

    u = tz(u, 2^D - (du + 1)) + (a << S)              one wrap at W
    v = clip(tz(v, 2^D - dv) + u + bias, +-(W - 1))
    s = v > (vth << S)

These are Lava's (lava-nc 0.10.0, ``PyLifModelBitAcc``) for D = 12, S = 6 and 24 bits of state; a profile gives them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spear_deploy.errors import InputError
from spear_deploy.targets.loihi.profile import DECAY_BITS, SHIFT, STATE_BITS, BuiltInReset, LoihiProfile
from spear_deploy.targets.protocol import LoweringOptions

Reset: TypeAlias = Literal["value", "subtract", "reset_delay"]
"""What a chip's neuron can be made to do: reset to a value, by subtraction, and either a step after the spike."""

_RESETS: Mapping[BuiltInReset, Reset] = {"zero": "value", "subtract": "subtract"}

_MIN_WEIGHT_BITS = 2
"""Weights of both signs spend one bit on it: with a single bit nothing but 0 is left."""
_MAX_WEIGHT_EXPONENT = 7
"""Where a profile gives none: that of Loihi 1 (nengo-loihi, builder/validate.py)."""
_MAX_DELAY = 62
"""Steps that lava-dl's netx and Loihi 1's 6-bit field hold."""
_BEYOND = 2.0**40
_MAX_PAYLOAD = 255
"""Graded input is coded in 8 bits at most: the emulator keeps payloads in bytes."""


@dataclass(frozen=True)
class Arithmetic:
    """Widths that the equations of a neuron compute with.

    Raises :class:`ValueError` for widths that 32-bit arithmetic is not exact for.
    """

    decay_bits: int
    state_bits: int
    shift: int

    def __post_init__(self) -> None:
        limits = {"decay_bits": DECAY_BITS, "state_bits": STATE_BITS, "shift": SHIFT}
        for name, limit in limits.items():
            if not limit.allows(getattr(self, name)):
                raise ValueError(f"{name} is {getattr(self, name)}, it must be {limit}")

    @property
    def decay_unit(self) -> int:
        """A decay of 1."""
        return 1 << self.decay_bits

    @property
    def wrap(self) -> int:
        """The value at which u, and the sum of a convolution, wrap."""
        return 1 << (self.state_bits - 1)

    @property
    def limit(self) -> int:
        """The value at which v is clipped."""
        return self.wrap - 1

    @property
    def current_bound(self) -> int:
        """|u| >> shift must stay below this, or u wraps."""
        return self.wrap >> self.shift


LAVA = Arithmetic(decay_bits=12, state_bits=24, shift=6)
"""The widths of Lava's models, which a program's file leaves out."""


@dataclass(frozen=True)
class Registers:
    """The integer ranges of a chip's neuron and synapse that quantisation must respect.

    ``built_in`` are the resets that the silicon's own neuron has, ``resets`` those that it can be made to do.
    ``layered``: all projections into a population share one exponent, and their weights spend a bit on the sign.
    """

    arithmetic: Arithmetic
    weight_bits: int
    max_weight_exponent: int
    max_threshold: int
    max_bias_mantissa: int
    max_bias_exponent: int
    max_payload: int
    max_delay: int
    built_in: frozenset[Reset]
    resets: frozenset[Reset]
    min_bias_exponent: int = 0
    layered: bool = False

    @classmethod
    def of(cls, chip: LoihiProfile, options: LoweringOptions | None = None) -> Registers:
        """Return the ranges of a chip; raise :class:`InputError` (E007) for weights that it does not hold."""
        options = options or LoweringOptions()
        neuron, exponent, delay = chip.neuron, chip.weights.exponent_max, chip.spikes.delay_max
        built_in = frozenset[Reset](_RESETS[kind] for kind in neuron.resets.value)
        registers = cls(
            arithmetic=Arithmetic(neuron.decay_bits.value, neuron.state_bits.value, neuron.threshold_shift.value),
            weight_bits=_weight_bits(chip, options.weight_bits),
            max_weight_exponent=exponent.value if exponent else _MAX_WEIGHT_EXPONENT,
            max_threshold=(1 << neuron.threshold_bits.value) - 1,
            max_bias_mantissa=neuron.bias_mantissa_max.value,
            max_bias_exponent=neuron.bias_exponent_max.value,
            max_payload=min(_MAX_PAYLOAD, (1 << chip.spikes.payload_bits.value) - 1) or 1,
            max_delay=delay.value if delay else _MAX_DELAY,
            built_in=built_in,
            resets=built_in | _emulated_resets(chip),
        )
        return registers.within_net() if options.keep_to == "net" else registers

    def within_net(self) -> Registers:
        """Return those of these ranges that lava-dl's .net format can hold (:mod:`.net_export`)."""
        exponent, only = min(1, self.max_weight_exponent), frozenset[Reset]({"value"})
        return replace(self, max_weight_exponent=exponent, min_bias_exponent=6, resets=only, layered=True)

    def max_mantissa(self, weight: NDArray[np.float64]) -> int:
        """Return the largest magnitude of a mantissa: weights that share a sign need no bit for it."""
        return self.largest_mantissa(is_mixed=bool(weight.min(initial=0) < 0 < weight.max(initial=0)))

    def largest_mantissa(self, *, is_mixed: bool) -> int:
        """Return the same for weights of both signs, or of one."""
        return (1 << (self.weight_bits - (self.layered or is_mixed))) - 1

    def round_bias(self, value: NDArray[np.float64]) -> tuple[NDArray[np.int64], int]:
        """Return mantissas and the least exponent that holds them all; with the largest one they may not fit."""
        exponent, peak = self.min_bias_exponent, np.abs(value).max()
        while np.rint(peak / 2**exponent) > self.max_bias_mantissa and exponent < self.max_bias_exponent:
            exponent += 1
        mantissa = np.clip(np.rint(value / 2**exponent), -_BEYOND, _BEYOND)  # far beyond the register is enough
        return mantissa.astype(np.int64), exponent

    @staticmethod
    def exponent_for(peak: float, max_mantissa: int) -> int:
        """Return the least exponent at which a weight ``peak``, in chip units, rounds to a mantissa in range."""
        return max(0, int(np.floor(np.log2(peak / (max_mantissa + 0.5)))) + 1) if peak > 0 else 0

    @property
    def figures(self) -> Mapping[str, str]:
        """Figures for the texts of the chip's rules."""
        resets = [kind for kind in ("value", "subtract") if kind in self.resets]
        spoken = {"value": "sets the membrane to a value", "subtract": "takes the threshold off the membrane"}
        when = "the step of the spike or the next one" if "reset_delay" in self.resets else "the step of the spike"
        return {
            "resets": f"{' or '.join(spoken[kind] for kind in resets)}, in {when}",
            "built_in": " or ".join(spoken[kind] for kind in sorted(self.built_in, reverse=True)),
            "decay_unit": f"{self.arithmetic.decay_unit:,}",
            "decay_bits": str(self.arithmetic.decay_bits),
            "max_payload": "spikes only" if self.max_payload == 1 else f"integers up to {self.max_payload:,}",
            "max_input": f"{self.max_payload:,}",
            "weight_bits": str(self.weight_bits),
            "max_delay": str(self.max_delay),
            "max_threshold": f"{self.max_threshold:,}",
            "max_bias_mantissa": f"{self.max_bias_mantissa:,}",
            "max_bias_exponent": str(self.max_bias_exponent),
        }


def _weight_bits(chip: LoihiProfile, asked: int | None) -> int:
    own, most = chip.weights.bits_min.value, chip.weights.bits_max.value
    least = max(own, _MIN_WEIGHT_BITS)
    if least > most:
        raise InputError.of("E011", f"{chip.name}: weights.bits_min", f"is {least}, above bits_max, {most}")
    if asked is None:
        return most
    if not least <= asked <= most:
        message = f"{chip.name} has weights of {own} to {most} bits, of which both signs take one"
        raise InputError.of("E007", f"--weight-bits {asked}", message, f"give {least} to {most}")
    return asked


def _emulated_resets(chip: LoihiProfile) -> frozenset[Reset]:
    """Return the resets beyond the built-in neuron's that a program of one's own, or a second compartment, gives."""
    if chip.neuron.programmable.value:
        return frozenset({"value", "subtract", "reset_delay"})
    return frozenset({"value", "subtract"} if chip.neuron.subtract_compartments else {"value"})
