"""Xylo's equations and register widths, in one place.

Per step, with ``sat`` to the signed range of the state and ``dec(x, d) = x >> d``, or 1 where that is 0 and x > 0::

    i = sat(i + (w << shift))      for every spike that arrives: inputs first, then hidden neurons of the step before
    i = i - dec(i, dash_syn)                             what arrived in this step decays in this step
    v = sat(v + sat(sat(-dec(v, dash_mem) + i) + bias))
    k = min(v // threshold, spikes of a step), 0 below;  v = v - k threshold

These are xylosim's (0.1.3, ``xylosim.v2``) for 16 bits of state, 31 spikes of a hidden neuron and 1 of an output.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spear_deploy.errors import InputError
from spear_deploy.targets.protocol import LoweringOptions
from spear_deploy.targets.xylo.profile import SPIKES, STATE_BITS, XyloProfile

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Arithmetic:
    """The widths that the equations compute with.

    Raises :class:`ValueError` for widths that the emulator is not exact for.
    """

    state_bits: int
    hidden_spikes: int
    output_spikes: int

    def __post_init__(self) -> None:
        limits = {"state_bits": STATE_BITS, "hidden_spikes": SPIKES, "output_spikes": SPIKES}
        for name, limit in limits.items():
            if not limit.allows(getattr(self, name)):
                raise ValueError(f"{name} is {getattr(self, name)}, it must be {limit}")

    @property
    def limit(self) -> int:
        """The largest state; the least is one below its negative."""
        return (1 << (self.state_bits - 1)) - 1


XYLOSIM = Arithmetic(state_bits=16, hidden_spikes=31, output_spikes=1)
"""What xylosim computes with, which a program's file leaves out."""


@dataclass(frozen=True)
class Registers:
    """The integer ranges that lowering must respect."""

    arithmetic: Arithmetic
    weight_bits: int
    max_shift: int
    max_decay: int
    max_events: int

    @classmethod
    def of(cls, chip: XyloProfile, options: LoweringOptions | None = None) -> Registers:
        """Return the ranges of a chip; raise :class:`InputError` (E007) for weights that it does not hold."""
        asked, bits = (options or LoweringOptions()).weight_bits, chip.weights.bits.value
        if asked is not None and not 2 <= asked <= bits:
            message = f"{chip.name} has weights of 2 to {bits} bits"
            raise InputError.of("E007", f"--weight-bits {asked}", message, f"give 2 to {bits}")
        spikes = chip.spikes
        return cls(
            Arithmetic(chip.neuron.state_bits.value, spikes.per_hidden.value, spikes.per_output.value),
            weight_bits=bits if asked is None else asked,
            max_shift=chip.weights.shift_max.value,
            max_decay=(1 << chip.neuron.decay_bits.value) - 1,
            max_events=spikes.per_input.value,
        )

    @property
    def max_mantissa(self) -> int:
        """The largest magnitude of a weight that both signs have."""
        return (1 << (self.weight_bits - 1)) - 1

    @property
    def figures(self) -> Mapping[str, str]:
        """Figures for the texts of the chip's rules."""
        return {
            "max_events": str(self.max_events),
            "hidden_spikes": str(self.arithmetic.hidden_spikes),
            "output_spikes": str(self.arithmetic.output_spikes),
            "limit": f"{self.arithmetic.limit:,}",
            "max_decay": str(self.max_decay),
            "max_mantissa": str(self.max_mantissa),
            "max_shift": str(self.max_shift),
        }


def kept(dash: NDArray[np.integer]) -> Array:
    """Return the share of itself that a state keeps in a step at a decay shift: 1 - 2^-dash."""
    return 1.0 - np.ldexp(1.0, -np.asarray(dash, np.int64))


def nearest_dash(decay: NDArray[np.floating], least: int, most: int) -> NDArray[np.int32]:
    """Return the shift ``least`` .. ``most`` whose share kept is nearest to a decay, of any shape."""
    shifts = np.arange(least, most + 1)
    away = np.abs(np.asarray(decay, np.float64)[..., None] - kept(shifts))
    nearest: NDArray[np.int32] = (least + away.argmin(axis=-1)).astype(np.int32)
    return nearest
