"""Round a layer to the chip's integers, once its scale is known.

For each unit a scale ``P`` (units of v >> shift per float unit) turns weights, threshold and bias into
integers of one common unit; figures in brackets are Loihi's::

    weight      P * w   ~ m * 2^e          |m| < 2^(bits-1), 2^bits if all share a sign; e of the projection
    threshold   vth   = round(P * (theta - v_reset) / gain)                        [17 bits]
    bias        P (bias - (1 - beta) v_reset) / gain << shift = mant << exp        [13 bits signed, exponent 0..7]
    decays      du = round(unit (1 - alpha)) - 1,  dv = round(unit (1 - beta))     [unit 4096]

Source: Lava's equations, docs/fixed-point.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from spear_deploy.targets.loihi.layer import Layer, row_blocks
from spear_deploy.targets.loihi.program import LoihiPopulation, by_row
from spear_deploy.targets.loihi.registers import Registers

Array = NDArray[np.float64]
Number = TypeVar("Number", bound=np.generic)
_HALF = 0.5
"""Of a step: a threshold of less would round to 0."""


@dataclass(frozen=True, eq=False)
class Scale:
    """``per_unit`` (units,): chip units of v >> shift per float unit; ``exponents`` of the projections into a layer.

    ``raised``: of each projection the exponents of its rows beyond that, (rows,); None where all rows share it, and for
    all projections.
    """

    per_unit: Array
    exponents: Sequence[int]
    raised: Sequence[NDArray[np.int8] | None] | None = None

    def rises(self) -> Sequence[NDArray[np.int8] | None]:
        """Return ``raised`` of each projection."""
        return [None] * len(self.exponents) if self.raised is None else self.raised

    def steps(self, weights: Sequence[NDArray[np.generic]]) -> list[Array]:
        """Return of each weight what one of a mantissa is worth in chip units, (), or of each of its rows."""
        parts = zip(weights, self.exponents, self.rises(), strict=True)
        return [
            np.ldexp(1.0, exponent) if raised is None else np.ldexp(1.0, exponent + by_row(raised, weight))
            for weight, exponent, raised in parts
        ]


@dataclass(frozen=True, eq=False)
class Integers:
    """The integers of a layer; ``vth`` and ``bias_mant`` may exceed their registers, mantissas are clipped.

    Thresholds of less than a step are rounded up to one, the least that a register holds.

    ``moved``: what the register holds beyond ``vth``, of all neurons or of each.  With -1 the chip's v > threshold
    fires at v >= vth, which is the same where v >> shift is all that v is; with +1 it does not fire at what a decay
    leaves beyond vth.
    """

    scale: Scale
    mantissas: Sequence[NDArray[np.int16]]
    du: NDArray[np.int64]
    dv: NDArray[np.int64]
    vth: NDArray[np.int64]
    bias_mant: NDArray[np.int64]
    bias_exp: int
    moved: NDArray[np.int64] | int = 0

    def weights(self) -> list[Array]:
        """Return the weights that the mantissas stand for, in chip units."""
        pairs = zip(self.mantissas, self.scale.steps(self.mantissas), strict=True)
        return [mantissa.astype(np.float64) * step for mantissa, step in pairs]


def round_layer(layer: Layer, scale: Scale, registers: Registers) -> Integers:
    """Round everything of a layer."""
    du, dv = round_decays(layer, registers)
    mantissas = []
    for weight, step in zip(layer.weights, scale.steps(layer.weights), strict=True):
        largest, by_step = registers.max_mantissa(weight), layer.rows(scale.per_unit, weight) / step
        mantissa = np.empty(weight.shape, np.int16)
        for some in row_blocks(weight):
            mantissa[some] = np.clip(np.rint(by_step[some] * weight[some]), -largest, largest)
        mantissas.append(mantissa)
    of_neurons = layer.of_units(scale.per_unit)
    bias_mant, bias_exp = registers.round_bias(np.ldexp(of_neurons * layer.bias, registers.arithmetic.shift))
    full = np.full((), registers.max_threshold)
    vth = full if layer.theta is None else _round_threshold(of_neurons * layer.theta)
    is_whole = _is_whole(du, dv, bias_mant << bias_exp, registers)
    can_be_less = layer.neuron.compare == "ge" and not is_special(layer) and bool(vth.min() > 1)
    one_less = layer.theta is not None and can_be_less and is_whole
    return Integers(scale, mantissas, du, dv, vth, bias_mant, bias_exp, -1 if one_less else 0)


def rounded_up(layer: Layer, scale: Scale) -> NDArray[np.bool_]:
    """Return which thresholds are less than half a step, and rounded up to one: (*shape)."""
    if layer.theta is None:
        return np.zeros(layer.population.shape, bool)
    return np.broadcast_to(layer.of_units(scale.per_unit) * layer.theta < _HALF, layer.population.shape)


def round_decays(layer: Layer, registers: Registers) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the registers du and dv."""
    unit = registers.arithmetic.decay_unit
    du = np.maximum(np.rint(unit * (1 - layer.alpha)).astype(np.int64) - 1, 0)
    dv = np.minimum(np.rint(unit * (1 - layer.beta)).astype(np.int64), unit - 1)
    return du, dv


def grid_scale(layer: Layer, unit: float, registers: Registers) -> Scale | None:
    """Return the scale ``unit`` if it makes integers that fit of every weight, threshold and bias, without rounding."""
    bias = np.ldexp(unit * layer.bias, registers.arithmetic.shift)
    mantissa, exponent = registers.round_bias(bias)
    vth = np.zeros(1) if layer.theta is None else unit * layer.theta
    if not (
        vth.max() <= registers.max_threshold
        and np.abs(mantissa).max() <= registers.max_bias_mantissa
        and np.array_equal(vth, np.rint(vth))
        and np.array_equal(bias, np.ldexp(mantissa, exponent))
        and all(_are_integers(weight, unit) for weight in layer.weights)
    ):
        return None  # at the first weight that is off the grid: most networks are
    scale = Scale(np.full(layer.units, unit), fitting_exponents(layer, np.full(layer.units, unit), registers))
    if max(scale.exponents, default=0) > registers.max_weight_exponent:
        return None
    rounded = round_layer(layer, scale, registers).weights()
    exact = all(np.array_equal(w * unit, r) for w, r in zip(layer.weights, rounded, strict=True))
    return scale if exact else None


def _are_integers(weight: Array, unit: float) -> bool:
    scaled = (unit * weight[some] for some in row_blocks(weight))
    return all(np.array_equal(part, np.rint(part)) for part in scaled)


def fitting_exponents(layer: Layer, per_unit: Array, registers: Registers) -> list[int]:
    """Return the least exponent of each projection at which all mantissas are in range; layered: the largest one."""
    exponents = []
    for weight in layer.weights:
        peak = float((per_unit * layer.peaks(weight)).max(initial=0))
        exponents.append(registers.exponent_for(peak, registers.max_mantissa(weight)))
    return [max(exponents, default=0)] * len(exponents) if registers.layered else exponents


def to_population(layer: Layer, integers: Integers, depth: int, registers: Registers) -> LoihiPopulation:
    """Return the layer's neurons as the program holds them; thresholds that no membrane reaches are clipped."""
    neuron, population = layer.neuron, layer.population
    return LoihiPopulation(
        population.name,
        population.shape,
        "readout" if neuron.is_readout else "lif",
        depth,
        scale=_collapse(layer.of_units(integers.scale.per_unit)),
        du=_register(integers.du),
        dv=_register(integers.dv),
        vth=_register(np.minimum(integers.vth + integers.moved, registers.max_threshold)),
        bias_mant=_register(integers.bias_mant),
        bias_exp=_register(np.full((), integers.bias_exp)),
        reset="value" if neuron.is_readout else neuron.reset,
        reset_delay=neuron.reset_delay and not neuron.is_readout,
        compare=neuron.compare if is_special(layer) else "gt",
    )


def is_special(layer: Layer) -> bool:
    """Whether neurons are not the built-in ones: a program of their own compares as they do."""
    return layer.theta is not None and (layer.neuron.reset == "subtract" or layer.neuron.reset_delay)


def fires_otherwise(layer: Layer, integers: Integers) -> bool:
    """Whether neurons should fire at their threshold, and the chip's do not."""
    fires_at_threshold = is_special(layer) or np.any(integers.moved)
    return layer.theta is not None and layer.neuron.compare == "ge" and not fires_at_threshold


def _is_whole(du: NDArray[np.int64], dv: NDArray[np.int64], bias: NDArray[np.int64], registers: Registers) -> bool:
    """Whether v is always a multiple of the shifted unit: nothing decays, and so is the bias."""
    decays = bool(np.any(du != registers.arithmetic.decay_unit - 1) or np.any(dv))
    return not decays and not np.any(bias % (1 << registers.arithmetic.shift))


def _round_threshold(value: Array) -> NDArray[np.int64]:
    rounded = np.rint(np.minimum(value, 2.0**40)).astype(np.int64)  # some sources switch neurons off with infinity
    return np.maximum(rounded, 1)


def _register(value: NDArray[np.generic]) -> NDArray[np.int32]:
    """Return a scalar if all neurons agree, else the full array."""
    return _collapse(np.asarray(value, np.int32))


def _collapse(array: NDArray[Number]) -> NDArray[Number]:
    first = array.reshape(-1)[:1]
    return first.reshape(()) if array.size and np.all(array == first) else array
