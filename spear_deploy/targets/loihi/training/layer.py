"""A population with the synapses into it: the integers of a pass, kept within the chip's registers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from spear_deploy.network import Population
from spear_deploy.targets.loihi.program import LoihiPopulation
from spear_deploy.targets.loihi.registers import Registers
from spear_deploy.targets.loihi.training.cell import IntegerCell
from spear_deploy.targets.loihi.training.grid import Array
from spear_deploy.targets.loihi.training.synapses import ComposedSynapses, GridSynapses

_FLOAT32_EXACT = float(1 << 24)
"""Integers below this are exact in single precision."""
_LEAST_CHANGE = 1 - 2**-6
"""A unit whose sums grew too large shrinks to so much of them at most: mantissas round many small steps away."""


class TrainedLayer:
    """One population's cell and the synapses into it; :meth:`settle` makes the integers of a pass.

    Training may not undo what lowering saw to: mantissas stay in range, biases in their register, and no unit's
    largest sum grows beyond what cannot wrap the current, or what it was to begin with.
    """

    def __init__(
        self,
        population: Population,
        lowered: LoihiPopulation,
        cell: IntegerCell,
        incoming: Sequence[GridSynapses | ComposedSynapses],
        registers: Registers,
    ) -> None:
        self.cell, self.incoming, self.registers = cell, incoming, registers
        neuron, self._units = population.neuron, population.units
        self._scale = np.broadcast_to(np.asarray(lowered.scale, np.float64), population.shape)
        gain = neuron.gain.astype(np.float64)
        self._share = gain / gain.max() if neuron.is_readout else np.ones_like(gain)
        gain = gain / self._share
        self._settles = 1 - neuron.alpha.astype(np.float64)
        leak, reset_value = 1 - neuron.beta.astype(np.float64), neuron.reset_value.astype(np.float64)
        self._own_bias = (neuron.bias - leak * reset_value) / gain
        self._bias_is_set = False
        arithmetic = registers.arithmetic
        largest = registers.max_bias_mantissa << registers.max_bias_exponent
        self._largest_bias = np.ldexp(float(largest), -arithmetic.shift) / self._scale
        gathered = arithmetic.decay_unit / (float(lowered.du.min()) + 1)  # a constant input adds up in u
        self._limit = torch.clamp(self._together(self._round_weights()), min=(arithmetic.current_bound - 1) / gathered)

    def settle(self) -> None:
        """Round weights and biases of a pass, after moving those back that training moved out of range."""
        reaches, limit = self._round_weights(), self._limit.to(self.cell.device)
        while bool(((largest := self._together(reaches)) > limit).any()):
            shares = torch.where(largest > limit, (limit / largest).clamp(max=_LEAST_CHANGE), 1.0)
            for synapses in self.incoming:
                synapses.shrink(shares)
            reaches = self._round_weights()
        wrap = self.registers.arithmetic.wrap
        kind = torch.float64 if float(largest.amax()) >= _FLOAT32_EXACT else torch.float32
        for synapses, reach in zip(self.incoming, reaches, strict=True):
            synapses.kind, synapses.wraps = kind, synapses.is_conv and float(reach.amax()) >= wrap
        if not self._bias_is_set or any(synapses.has_bias for synapses in self.incoming):
            self._round_biases(self._clamped_bias())
            self._bias_is_set = True

    def _round_weights(self) -> list[Tensor]:
        """Round the weights in range; return each projection's largest sums into each unit: (2, units)."""
        least = [synapses.prepare() for synapses in self.incoming]
        for synapses, exponent in zip(self.incoming, least, strict=True):
            synapses.round(max(least) if self.registers.layered else exponent)
        return [synapses.reach(self._units) for synapses in self.incoming]

    def _together(self, reaches: Sequence[Tensor]) -> Tensor:
        """Return the largest |sum| that one step can cause in each unit, of all projections: (units,)."""
        return sum(reaches, torch.zeros(2, self._units, device=self.cell.device)).amax(dim=0)

    def _bias(self) -> Array:
        """Return the bias on the membrane of every neuron in float units, as lowering counts it."""
        constant: Array = np.zeros(self._scale.shape)
        for synapses in self.incoming:
            added = synapses.constant()
            constant = constant + (0.0 if added is None else added)
        return self._own_bias + self._share * constant / self._settles

    def _clamped_bias(self) -> Array:
        """Return the same after moving biases back into their register."""
        bias, bound = self._bias(), self._largest_bias
        for synapses in self.incoming:
            own = synapses.constant() if np.any(np.abs(bias) > bound) else None
            if own is not None:
                slack = self._settles / self._share
                synapses.clamp_bias(own + (-bound - bias) * slack, own + (bound - bias) * slack)
                bias = self._bias()
        return bias

    def _round_biases(self, bias: Array) -> None:
        chip_units = np.ldexp(self._scale * bias, self.registers.arithmetic.shift)
        mantissa, exponent = self.registers.round_bias(chip_units)
        trained = [constant for s in self.incoming if (constant := s.trained_constant()) is not None]
        self.cell.set_bias(_whole(mantissa, exponent), sum(trained[1:], trained[0]) if trained else None)


def _whole(mantissa: NDArray[np.int64], exponent: int) -> NDArray[np.int32]:
    return (mantissa << exponent).astype(np.int32)
