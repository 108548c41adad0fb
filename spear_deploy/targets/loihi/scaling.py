"""Choose the scale of a layer: the one that loses least, among those whose registers hold what the layer does.

First from the ranges that the float network was seen to use (:mod:`.observation`): mantissas are filled, thresholds
are made integers, decays take off enough steps, and what membranes and currents reach is left room.  Where a layer
on its own then loses more than a little (:mod:`.trial`), heavy tails are clipped step by step, unit by unit, as long
as that helps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from spear_deploy.frontends.net.layers import UNIT
from spear_deploy.targets.loihi.layer import Layer
from spear_deploy.targets.loihi.registers import Registers
from spear_deploy.targets.loihi.rounding import (
    Integers,
    Scale,
    fitting_exponents,
    grid_scale,
    is_special,
    round_decays,
    round_layer,
    rounded_up,
)
from spear_deploy.targets.loihi.row_exponents import can_be_split, finer, is_exact, split
from spear_deploy.targets.loihi.trial import Trial, try_layer
from spear_deploy.targets.observation import Observation
from spear_deploy.targets.ports import InputPort

Array = NDArray[np.float64]

_FINE_THRESHOLD = 256
"""Steps to a threshold that are fine enough, if nothing is truncated."""
_FINE_DECAY = 250
"""Fine steps (of u, of v) that a decay takes off in a step: truncation takes half a step more, 0.2 % of it."""
_TINY = 1e-30
_LEAST_EXACT = 16
"""Thresholds of fewer steps are rounded: to make them exact would cost too much of the mantissas."""
_MARGIN, _RANDOM_MARGIN = 4.0, 16.0
"""Room, in multiples of the maximum on samples, or on random input."""
_CURRENT_MARGIN = 16.0
"""The same for a current that may wrap, which is worse than a clip."""
_ROOM_THRESHOLDS = 8.0
"""Membranes have room for at least this many thresholds."""
_FEW_STEPS = 32
"""Thresholds of fewer steps are worth less room."""
_UNREACHED = 100.0
"""A threshold so many times what its membrane reaches may be clipped."""
_SMALL_LOSS = 0.01
"""A layer that loses no more is left as it is: clipping its weights is not even tried."""
_NO_LOSS = 0.002
"""A readout that loses no more is not worth projections in several parts."""
_CLIPS = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0)
"""Weights beyond 2^-clip of the largest one are clipped."""
_WORTH = 0.8
"""Clipping a unit has to leave no more than so much of its loss: its own cost shows on other samples."""


@dataclass(frozen=True, eq=False)
class Chosen:
    """The integers of a layer, and what they lose on their own."""

    integers: Integers
    trial: Trial

    def is_good(self, layer: Layer) -> bool:
        """Whether the layer loses next to nothing, and so does each unit with a threshold that is rounded up."""
        beside = rounded_up(layer, self.integers.scale).reshape(layer.units, -1).any(axis=1)
        return self.trial.error <= _SMALL_LOSS and bool(np.all(self.trial.errors[beside] <= _SMALL_LOSS))


@dataclass(frozen=True, eq=False)
class Setting:
    """What all layers of a network share while their scales are chosen."""

    observation: Observation
    ports: Mapping[str, InputPort]
    delays: Mapping[str, int]
    registers: Registers

    def judge(self, layer: Layer, scale: Scale) -> Chosen:
        """Round a layer with a scale, and run it."""
        return self.run(layer, round_layer(layer, scale, self.registers))

    def run(self, layer: Layer, integers: Integers) -> Chosen:
        """Run a layer that is rounded."""
        return Chosen(integers, try_layer(layer, integers, self.observation, self.ports, self.delays, self.registers))


def judge_first(layer: Layer, setting: Setting) -> Chosen:
    """Round a layer at the scale that the ranges give, before anything is clipped."""
    return setting.run(layer, _first_integers(layer, setting))


def choose(layer: Layer, setting: Setting) -> Chosen:
    """Choose the scale of a layer and round it."""
    trained = layer.population.resolution
    if trained is not None:  # it was trained on these integers
        return _as_trained(layer, layer.by_unit(trained), setting)
    return _off_threshold(layer, _least_loss(layer, setting), setting)


def _least_loss(layer: Layer, setting: Setting) -> Chosen:
    registers = setting.registers
    on_grid = grid_scale(layer, UNIT, registers)
    if on_grid is not None and _holds_all(layer, on_grid, setting):  # lava-dl trains on these, and netx runs them
        return setting.judge(layer, on_grid)
    first = judge_first(layer, setting)
    if on_grid is not None:  # that a register is too narrow need not matter: what is beyond it may fire anyway
        exact = setting.judge(layer, on_grid)
        if exact.trial.error <= first.trial.error:
            return exact
    if not layer.weights:
        return first
    first = _split_rows(layer, first, setting)
    return first if first.is_good(layer) else _clip_tails(layer, first, setting)


def _as_trained(layer: Layer, per_unit: Array, setting: Setting) -> Chosen:
    """Return the integers that the layer was trained with: one exponent for each projection where that holds them."""
    registers = setting.registers
    one = setting.judge(layer, Scale(per_unit, fitting_exponents(layer, per_unit, registers)))
    if not can_be_split(layer, registers) or is_exact(layer, one.integers):
        return one
    return setting.judge(layer, split(layer, per_unit, registers))


def _off_threshold(layer: Layer, chosen: Chosen, setting: Setting) -> Chosen:
    """Move thresholds by one, off the values that membranes are at, where that loses less.

    There v > threshold is not what a source with v >= threshold does; and the fastest decay that a register holds
    leaves a share of a membrane that is to keep nothing, and lifts one that comes to be at its threshold beyond it.
    """
    integers, loses = chosen.integers, chosen.trial.error > 0
    if layer.theta is None or is_special(layer) or np.any(integers.moved) or not loses:
        return chosen
    moved = np.full((), -1) if layer.neuron.compare == "ge" else (layer.neuron.beta == 0).astype(np.int64)
    vth = integers.vth + moved
    is_held = vth.min() >= 1 and vth.max() <= setting.registers.max_threshold
    if not (moved.any() and is_held) or not (chosen.trial.at_threshold or is_exact(layer, integers)):
        return chosen
    tried = setting.run(layer, replace(integers, moved=moved))
    return tried if tried.trial.error < chosen.trial.error else chosen


def _split_rows(layer: Layer, first: Chosen, setting: Setting) -> Chosen:
    """Give the weights into each neuron of a readout an exponent of their own where that loses less."""
    if not can_be_split(layer, setting.registers) or first.trial.error <= _NO_LOSS:
        return first
    largest = float(_largest_scale(layer, setting).min())
    scales = finer(layer, first.integers.scale, largest, setting.registers)
    tried = [setting.run(layer, _settle(layer, scale, setting)) for scale in scales]
    best = min(tried, key=lambda chosen: chosen.trial.error, default=first)
    return best if best.trial.error < _WORTH * first.trial.error else first


def _holds_all(layer: Layer, scale: Scale, setting: Setting) -> bool:
    """Whether registers hold, at this scale, all currents and membranes that were seen."""
    seen, bound = setting.observation, setting.registers.arithmetic.current_bound
    gain = np.where(layer.neuron.gain == 0, 1, np.abs(layer.neuron.gain))
    reached = np.maximum(seen.membranes[layer.name] / gain, seen.currents[layer.name])
    return bool(np.all(scale.per_unit * layer.by_unit(reached) < bound))


def _first_integers(layer: Layer, setting: Setting) -> Integers:
    """Fill the mantissas, as far as the registers hold what follows."""
    registers = setting.registers
    limit = _largest_scale(layer, setting)
    filled, exponents = _fill_mantissas(layer, registers)
    if filled is None:
        theta = np.ones(layer.units) if layer.theta is None else layer.by_unit(layer.theta)
        wanted = np.divide(_FINE_THRESHOLD, theta, out=np.ones(layer.units), where=theta > 0)
        return round_layer(layer, Scale(_make_exact(layer, np.minimum(limit, wanted)), exponents), registers)
    raised, highest = 0, registers.max_weight_exponent - max(exponents)
    fine = _fine_scale(layer, setting)
    while raised < highest and float(np.median(filled)) * 2.0**raised < fine:
        raised += 1
    while raised and np.any(filled * 2.0**raised > limit):
        raised -= 1
    per_unit = np.minimum(filled * 2.0**raised, limit)
    if layer.theta is None or registers.layered:
        per_unit = np.full(layer.units, per_unit.min())  # membranes are compared with each other
    per_unit = _make_exact(layer, per_unit)
    return _settle(layer, Scale(per_unit, fitting_exponents(layer, per_unit, registers)), setting)


def _settle(layer: Layer, scale: Scale, setting: Setting) -> Integers:
    """Round a layer, with a lower scale where the current could wrap because many weights are rounded up."""
    bound, current = setting.registers.arithmetic.current_bound, largest_current(layer, setting)
    per_unit = scale.per_unit.copy()
    while True:
        integers = round_layer(layer, replace(scale, per_unit=per_unit), setting.registers)
        wraps = _rounded_scale(layer, integers) * current >= bound
        if not wraps.any():
            return integers
        if layer.theta is None or setting.registers.layered:
            wraps = np.ones_like(wraps)
        per_unit = np.where(wraps, per_unit / 2, per_unit)


def _rounded_scale(layer: Layer, integers: Integers) -> Array:
    """Return the scale of each unit's largest sum once its weights are rounded, and clipped."""
    rounded = layer.worst_sums(integers.mantissas, integers.scale.steps(integers.mantissas))
    return np.asarray(rounded / np.maximum(layer.worst_sums(layer.weights), _TINY))


def _fill_mantissas(layer: Layer, registers: Registers) -> tuple[Array | None, list[int]]:
    """Return the scale of each unit that fills the mantissas of its weakest projection, and the exponents of all.

    None where there are no weights.
    """
    filled: Array = np.zeros(layer.units)
    peaks: list[Array] = []
    for weight in layer.weights:
        peak = layer.peaks(weight)
        if layer.theta is None or registers.layered:
            peak = np.full(layer.units, peak.max(initial=0))
        peaks.append(peak)
        full = np.divide(registers.max_mantissa(weight), peak, out=np.zeros(layer.units), where=peak > 0)
        filled = _smaller(filled, full) if registers.layered else np.maximum(filled, full)
    if not filled.any():
        return None, [0] * len(layer.weights)
    filled = np.where(filled > 0, filled, np.median(filled[filled > 0]))
    exponents = []
    for weight, peak in zip(layer.weights, peaks, strict=True):
        exponents.append(registers.exponent_for(float((filled * peak).max(initial=0)), registers.max_mantissa(weight)))
    beyond = max(exponents) - registers.max_weight_exponent
    if beyond > 0:  # the strongest projection keeps its largest weights
        filled, exponents = filled / 2.0**beyond, [max(0, exponent - beyond) for exponent in exponents]
    return filled, exponents


def _smaller(first: Array, second: Array) -> Array:
    """Return the smaller of two scales of each unit, 0 being none."""
    return np.where(first == 0, second, np.where(second == 0, first, np.minimum(first, second)))


def _fine_scale(layer: Layer, setting: Setting) -> float:
    """Return the scale at which rounded thresholds and truncated decays are no matter, for most units."""
    registers, seen = setting.registers, setting.observation
    du, dv = round_decays(layer, registers)
    fine = np.ldexp(1.0, registers.arithmetic.shift) / registers.arithmetic.decay_unit
    gain = np.where(layer.neuron.gain == 0, 1, np.abs(layer.neuron.gain))
    membrane = seen.membranes[layer.name] / gain if layer.theta is None else layer.theta
    current = seen.currents[layer.name].astype(np.float64) / 2
    needs = [] if layer.theta is None else [_FINE_THRESHOLD / np.maximum(layer.theta, _TINY)]
    if dv.any():
        needs.append(_FINE_DECAY / np.maximum(fine * dv * membrane, _TINY))
    if np.any(du != registers.arithmetic.decay_unit - 1):
        needs.append(_FINE_DECAY / np.maximum(fine * (du + 1) * current, _TINY))
    medians = [float(np.median(need[need < 1 / _TINY])) for need in map(np.ravel, needs) if np.any(need < 1 / _TINY)]
    return max(medians, default=0.0)


def _largest_scale(layer: Layer, setting: Setting, kept: Array | float = 1.0) -> Array:
    """Return the largest scale of each unit at which its registers hold what it does: (units,).

    ``kept`` is the share of the largest sums, and so of currents and membranes, that clipped weights leave.  Where a
    threshold would be left too few steps, a membrane that clips is the lesser loss: it has fired by then.
    """
    registers, seen = setting.registers, setting.observation
    gain = np.where(layer.neuron.gain == 0, 1, np.abs(layer.neuron.gain))
    membrane = layer.by_unit(seen.membranes[layer.name] / gain)
    bias = np.ldexp(layer.by_unit(np.abs(layer.bias)), registers.arithmetic.shift)
    largest_bias = registers.max_bias_mantissa << registers.max_bias_exponent
    hard = np.minimum(
        (registers.arithmetic.current_bound - 1) / np.maximum(kept * largest_current(layer, setting), _TINY),
        largest_bias / np.maximum(bias, _TINY),
    )
    room = np.ldexp(float(registers.arithmetic.limit), -registers.arithmetic.shift)
    needed = (_MARGIN if seen.given else _RANDOM_MARGIN) * membrane * kept
    if layer.theta is None:
        return np.asarray(np.minimum(hard, room / np.maximum(needed, _TINY)))
    theta = layer.by_unit(layer.theta)
    is_reached = (membrane == 0) | (theta <= _UNREACHED * membrane)
    reached = np.maximum(np.where(is_reached, theta, needed), _TINY)
    needed = np.maximum(needed, _ROOM_THRESHOLDS * reached)
    hard = np.minimum(hard, registers.max_threshold / reached)
    return np.asarray(np.minimum(hard, np.maximum(room / needed, _FEW_STEPS / reached)))


def largest_current(layer: Layer, setting: Setting) -> Array:
    """Return what the current of each unit can reach: proven, unless that is far beyond what was seen on samples."""
    unit = setting.registers.arithmetic.decay_unit
    du, _ = round_decays(layer, setting.registers)
    proven = layer.worst_sums(layer.weights) * unit / (float(du.min()) + 1)  # a constant input adds up in u
    if not setting.observation.given:
        return proven
    seen = layer.by_unit(setting.observation.currents[layer.name])
    return np.where(seen > 0, np.minimum(proven, _CURRENT_MARGIN * seen), proven)


def _make_exact(layer: Layer, scale: Array) -> Array:
    """Lower the scale of each unit a little, so that its threshold is an integer."""
    if layer.theta is None:
        return scale
    theta = layer.by_unit(layer.theta)
    steps = np.floor(scale * theta * (1 + 1e-12))
    is_fine = (steps >= _LEAST_EXACT) & np.isfinite(steps)
    return np.where(is_fine, np.divide(steps, theta, out=scale.copy(), where=is_fine), scale)


def _clip_tails(layer: Layer, first: Chosen, setting: Setting) -> Chosen:
    """Clip the largest weights of those units for which finer steps of the others are worth more."""
    scale, least = first.integers.scale, first.trial.errors
    clip = np.zeros(layer.units)

    def as_held(powers: Array | float) -> Array:
        wanted = scale.per_unit * 2.0**powers
        integers = round_layer(layer, replace(scale, per_unit=wanted), setting.registers)
        limit = _largest_scale(layer, setting, _rounded_scale(layer, integers) / wanted)
        return np.asarray(np.minimum(wanted, np.maximum(limit, scale.per_unit)))

    def clipped(powers: Array | float) -> Chosen:
        raised = as_held(powers)
        if layer.theta is None or setting.registers.layered:
            raised = np.full(layer.units, raised.min())
        exact = replace(scale, per_unit=_make_exact(layer, raised))
        return setting.run(layer, _settle(layer, exact, setting))

    for power in _CLIPS:
        if not np.any(as_held(power) > scale.per_unit * 2.0 ** (power - 1)):
            break
        tried = clipped(power).trial.errors
        if layer.theta is None or setting.registers.layered:  # they have one scale
            before, after = (Trial(losses, first.trial.weights).error for losses in (least, tried))
            better = np.full(layer.units, after < _WORTH * before)
        else:
            better = tried < _WORTH * least
        clip, least = np.where(better, power, clip), np.where(better, tried, least)
    return clipped(clip) if clip.any() else first
