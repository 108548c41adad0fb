"""One exponent for the weights into each neuron of a readout, where some are much weaker than others.

The membranes of a readout are compared, so its neurons share a scale.  Where the weights into some are much smaller
than those into others, a shared exponent leaves them few levels.  A projection that is split by target, each part with
its own exponent, fills the mantissas of all; a synapse of the chip belongs to one of several formats, and Lava takes
the parts as processes of their own.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from spear_deploy.targets.loihi.layer import Layer
from spear_deploy.targets.loihi.registers import Registers
from spear_deploy.targets.loihi.rounding import Integers, Scale

Array = NDArray[np.float64]
_EXACT = 0.25
"""Chip units: weights that are integers at a scale are off by less, others that a mantissa cannot hold by a unit."""
_MOST_ROWS = 4096
"""Rows of a projection that is split, at most: the exponents are an attribute in a file."""


def can_be_split(layer: Layer, registers: Registers) -> bool:
    """Whether a layer's projections may have several exponents.

    Weights that training rounds anew in every pass have one, and so has what a ``.net`` file is to hold.
    """
    few = all(len(weight) <= _MOST_ROWS for weight in layer.weights)
    return layer.theta is None and layer.on_grid and not registers.layered and few


def finer(layer: Layer, scale: Scale, largest: float, registers: Registers) -> Iterator[Scale]:
    """Yield scales of a readout at which the weakest row's mantissas are as full as registers up to ``largest`` allow.

    That is the given scale times a power of two, and the power of two below: weights on a grid of one, and there is
    hardly another that they are trained on, are not rounded into the neurons whose gain is the largest.
    """
    peaks = np.concatenate([_row_peaks(weight) for weight in layer.weights])
    if not np.any(peaks > 0):
        return
    room = registers.max_weight_exponent - max(scale.exponents)
    power = min(room, int(np.log2(peaks.max() / peaks[peaks > 0].min())))
    (whole,) = np.unique(scale.per_unit)
    while power > 0 and whole * 2.0**power > largest:
        power -= 1
    for each in (whole, 2.0 ** np.floor(np.log2(whole))):
        yield split(layer, np.full(layer.units, each * 2.0**power), registers)


def split(layer: Layer, per_unit: Array, registers: Registers) -> Scale:
    """Return the scale with the least exponent of each row at which its mantissas are in range."""
    exponents, raised = [], []
    for weight in layer.weights:
        most = registers.max_mantissa(weight)
        peaks = _row_peaks(layer.rows(per_unit, weight) * weight)
        own = np.array([registers.exponent_for(float(peak), most) for peak in peaks], np.int8)
        own = np.minimum(own, registers.max_weight_exponent)
        own[peaks == 0] = own[peaks > 0].min(initial=registers.max_weight_exponent)
        exponents.append(int(own.min(initial=registers.max_weight_exponent)))
        rises = (own - exponents[-1]).astype(np.int8)
        raised.append(rises if rises.any() else None)
    return Scale(per_unit, exponents, raised)


def is_exact(layer: Layer, integers: Integers) -> bool:
    """Whether integers are the weights at their scale, not rounded."""
    scaled = [layer.rows(integers.scale.per_unit, weight) * weight for weight in layer.weights]
    return all(np.all(np.abs(a - b) < _EXACT) for a, b in zip(scaled, integers.weights(), strict=True))


def _row_peaks(weight: NDArray[np.generic]) -> Array:
    peaks: Array = np.abs(np.asarray(weight, np.float64)).reshape(len(weight), -1).max(axis=1, initial=0)
    return peaks
