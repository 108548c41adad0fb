"""From the float network to the integers of the chip.

For each population a scale ``P`` (units of v >> shift per float unit) turns weights, threshold and bias into
integers of one common unit; figures in brackets are Loihi's::

    weight      P * w   ~ m * 2^e          |m| < 2^(bits-1), 2^bits if all share a sign; e of the projection
    threshold   vth   = round(P * (theta - v_reset) / gain)                        [17 bits]
    bias        P (bias - (1 - beta) v_reset) / gain << shift = mant << exp        [13 bits signed, exponent 0..7]
    decays      du = round(unit (1 - alpha)) - 1,  dv = round(unit (1 - beta))     [unit 4096]

``P`` is the largest that fills the weights' mantissa and keeps every register in range and the current
from wrapping; 64 where all parameters are multiples of 1/64 that fit as they are (lava-dl trains on
those, and netx runs these integers).  The gain is divided out (v / gain fires at the same steps), v_reset is shifted
to 0.  Source: Lava's equations, docs/fixed-point.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from spear_deploy.errors import Finding, UnsupportedError
from spear_deploy.frontends.net.layers import UNIT
from spear_deploy.network import Network, Neuron, Population
from spear_deploy.network.synapses import ConvSynapses, Synapses
from spear_deploy.targets.loihi.program import LoihiPopulation, LoihiProgram, LoihiProjection
from spear_deploy.targets.loihi.registers import Registers
from spear_deploy.targets.loihi.rules import (
    NETWORK_RULES,
    REGISTER_RULES,
    NetworkToLower,
    QuantisedNeurons,
)
from spear_deploy.targets.loihi.timing import extra_delays, pipeline_depths
from spear_deploy.targets.ports import InputPort, InputRange
from spear_deploy.targets.rules import check_rules, group_findings

Array = NDArray[np.float64]

_LEAST_PAYLOAD = 15
"""Graded input keeps four bits at least, whatever the weights behind it need."""


@dataclass(frozen=True, eq=False)
class Quantised:
    """The integer program (not yet placed) and notes on what was rounded noticeably."""

    program: LoihiProgram
    notes: tuple[Finding, ...]


def quantise(network: Network, chip: str, registers: Registers, ranges: Mapping[str, InputRange]) -> Quantised:
    """Quantise every population and projection.

    Raises :class:`UnsupportedError` with all findings of the rules of the network, else of those of the registers.
    """
    findings = check_rules(NETWORK_RULES, NetworkToLower(network, ranges), registers, registers.figures)
    if findings:
        raise UnsupportedError(findings)
    depths = pipeline_depths(network) or {}
    delays = extra_delays(network, depths)
    incoming: dict[str, list[Synapses]] = {name: [] for name in network.shapes}
    for synapses in network.synapses:
        incoming[synapses.target].append(synapses)
    ports = {p.name: _port(p.name, p.shape, ranges.get(p.name, InputRange()), registers) for p in network.inputs}
    ports = {name: _limit_payload(port, network, incoming, registers) for name, port in ports.items()}
    populations, projections, subjects = [], [], []
    for population in network.neurons:
        layer = _Layer.of(population, network.constant_input(population.name), incoming[population.name], ports)
        integers = _round(layer, registers)
        quantised = replace(population, neuron=layer.neuron)
        subjects.append(QuantisedNeurons(quantised, layer.constant, integers.vth, integers.bias_mant))
        populations.append(_population(population, layer, integers, depths[population.name], registers))
        for synapses, exponent, mantissa in zip(layer.incoming, integers.exponents, integers.mantissas, strict=True):
            projections.append(LoihiProjection(replace(synapses, weight=mantissa), exponent, delays[synapses.name]))
    notes = [
        note for subject in subjects for note in check_rules(REGISTER_RULES, subject, registers, registers.figures)
    ]
    errors = [note for note in notes if note.severity == "error"]
    if errors:
        raise UnsupportedError(errors)
    rank = {projection.name: index for index, projection in enumerate(network.projections)}
    projections.sort(key=lambda projection: rank[projection.synapses.name])
    parts = (tuple(ports.values()), tuple(populations), tuple(projections), network.outputs)
    return Quantised(LoihiProgram(chip, *parts, arithmetic=registers.arithmetic), group_findings(notes))


def _port(name: str, shape: tuple[int, ...], values: InputRange, registers: Registers) -> InputPort:
    if values.integral:
        return InputPort(name, shape, max(1, int(values.maximum)))
    payload = registers.max_payload
    return InputPort(name, shape, payload, payload / values.maximum)


def _limit_payload(
    port: InputPort, network: Network, incoming: Mapping[str, Sequence[Synapses]], registers: Registers
) -> InputPort:
    """Halve the payloads of a graded input until full mantissas of its projections cannot wrap the current."""
    worst = 0.0
    for population in network.neurons:
        for synapses in (s for s in incoming[population.name] if s.source == port.name):
            peak = np.abs(synapses.weight).max(initial=0)
            if peak > 0:
                # The bit that weights of one sign save is not worth one of input.
                full = ((1 << (registers.weight_bits - 1)) - 1) / peak
                worst = max(worst, float(full * _reach(synapses.weight) / (1 - population.neuron.alpha.max())))
    payload = port.max_value
    bound = registers.arithmetic.current_bound
    while port.scale != 1.0 and payload > _LEAST_PAYLOAD and worst * payload >= bound:
        payload //= 2
    return replace(port, max_value=payload, scale=port.scale * payload / port.max_value)


@dataclass(frozen=True, eq=False)
class _Layer:
    """A population with the synapses into it, its gain divided out and its reset value shifted to 0.

    ``weights`` are those of one unit of payload; ``theta`` is None for a readout; ``constant`` is what biases of
    the projections add to the input.
    """

    neuron: Neuron
    alpha: Array
    beta: Array
    theta: Array | None
    bias: Array
    constant: Array
    incoming: Sequence[Synapses]
    weights: Sequence[Array]
    payloads: Sequence[int]

    @classmethod
    def of(
        cls, population: Population, constant: Array, incoming: Sequence[Synapses], ports: Mapping[str, InputPort]
    ) -> _Layer:
        neuron, incoming = _with_one_gain(population.neuron, incoming)
        alpha, beta = neuron.alpha.astype(np.float64), neuron.beta.astype(np.float64)
        gain, reset_value = neuron.gain.astype(np.float64), neuron.reset_value.astype(np.float64)
        return cls(
            neuron,
            alpha,
            beta,
            theta=None if neuron.threshold is None else (neuron.threshold - reset_value) / gain,
            bias=(neuron.bias - (1 - beta) * reset_value) / gain + constant / (1 - alpha),
            constant=constant,
            incoming=incoming,
            weights=[s.weight / (ports[s.source].scale if s.source in ports else 1.0) for s in incoming],
            payloads=[ports[s.source].max_value if s.source in ports else 1 for s in incoming],
        )


@dataclass(frozen=True, eq=False)
class _Integers:
    """What a population and its synapses become; ``vth`` and ``bias_mant`` may lie beyond their registers."""

    scale: float
    exponents: list[int]
    mantissas: list[NDArray[np.int16]]
    du: NDArray[np.int64]
    dv: NDArray[np.int64]
    vth: NDArray[np.int64]
    bias_mant: NDArray[np.int64]
    bias_exp: int


def _round(layer: _Layer, registers: Registers) -> _Integers:
    """Choose the scale of a population and round everything with it."""
    unit, shift = registers.arithmetic.decay_unit, registers.arithmetic.shift
    du = np.maximum(np.rint(unit * (1 - layer.alpha)).astype(np.int64) - 1, 0)
    dv = np.minimum(np.rint(unit * (1 - layer.beta)).astype(np.int64), unit - 1)
    gathered_share = unit / (float(du.min()) + 1)  # a constant input adds up to so many times itself in u
    if _is_on_grid(layer, registers):
        scale = UNIT
    else:
        scale = _scale(layer, _worst_sum(layer.weights, layer.payloads) * gathered_share, registers)
    exponents, mantissas, rounded = _round_weights(layer.weights, scale, registers)
    while _worst_sum(rounded, layer.payloads) * gathered_share >= registers.arithmetic.current_bound:
        scale /= 2  # where many were rounded up
        exponents, mantissas, rounded = _round_weights(layer.weights, scale, registers)
    bias_mant, bias_exp = _round_bias(np.ldexp(scale * layer.bias, shift), registers)
    full = np.full((), registers.max_threshold)
    vth = full if layer.theta is None else np.rint(scale * layer.theta).astype(np.int64)
    return _Integers(scale, exponents, mantissas, du, dv, vth, bias_mant, bias_exp)


def _population(
    population: Population, layer: _Layer, integers: _Integers, depth: int, registers: Registers
) -> LoihiPopulation:
    neuron = population.neuron
    return LoihiPopulation(
        population.name,
        population.shape,
        "readout" if neuron.is_readout else "lif",
        depth,
        integers.scale,
        du=_register(integers.du),
        dv=_register(integers.dv),
        vth=_register(integers.vth),
        bias_mant=_register(integers.bias_mant),
        bias_exp=_register(np.full((), integers.bias_exp)),
        reset="value" if neuron.is_readout else neuron.reset,
        reset_delay=neuron.reset_delay and not neuron.is_readout,
    )


def _with_one_gain(neuron: Neuron, incoming: Sequence[Synapses]) -> tuple[Neuron, Sequence[Synapses]]:
    """Move the differences between the gains of a readout's neurons into the weights in front, where they can go.

    A spiking neuron's gain is divided out of its threshold; a readout has none.
    """
    largest = neuron.gain.max()
    share = neuron.gain.astype(np.float64) / largest if largest else np.ones(neuron.gain.shape)
    by_unit = share.reshape(len(share), -1)
    shared = any(isinstance(s, ConvSynapses) for s in incoming) and np.ptp(by_unit, axis=1).any()
    if not neuron.is_readout or not np.ptp(share) or shared:
        return neuron, incoming
    by_channel, by_neuron = by_unit[:, :1, None, None], share.reshape(-1, 1)
    scaled = [
        replace(s, weight=s.weight * (by_channel if isinstance(s, ConvSynapses) else by_neuron)) for s in incoming
    ]
    return replace(neuron, gain=np.full_like(neuron.gain, largest)), scaled


def _is_on_grid(layer: _Layer, registers: Registers) -> bool:
    """Say whether lava-dl's scale makes integers that fit of every weight, threshold and bias, without rounding."""
    bias = np.ldexp(UNIT * layer.bias, registers.arithmetic.shift)
    mantissa, exponent = _round_bias(bias, registers)
    vth = np.zeros(1) if layer.theta is None else UNIT * layer.theta
    if not (
        vth.max() <= registers.max_threshold
        and np.abs(mantissa).max() <= registers.max_bias_mantissa
        and np.array_equal(vth, np.rint(vth))
        and np.array_equal(bias, np.ldexp(mantissa, exponent))
    ):
        return False  # before the many weights are rounded
    exponents, _, rounded = _round_weights(layer.weights, UNIT, registers)
    fits = max(exponents, default=8) <= registers.max_weight_exponent
    return fits and all(np.array_equal(w * UNIT, r) for w, r in zip(layer.weights, rounded, strict=True))


def _scale(layer: _Layer, worst: float, registers: Registers) -> float:
    """Return the largest scale that fills the mantissa and respects the bounds, else the bound itself.

    ``worst`` is the largest current that the weights can cause, per unit of scale.
    """
    peaks = [(registers.max_mantissa(w), np.abs(w).max(initial=0)) for w in layer.weights]
    full = float(min((mantissa / peak for mantissa, peak in peaks if peak > 0), default=0))
    top = float(layer.theta.max()) if layer.theta is not None else 0.0
    largest_bias = float(np.ldexp(np.abs(layer.bias).max(), registers.arithmetic.shift))
    limits = [
        (registers.arithmetic.current_bound - 1) / (worst * (1 + 2**-6)) if worst else np.inf,  # rounding enlarges it
        registers.max_threshold / top if top else np.inf,
        (registers.max_bias_mantissa << registers.max_bias_exponent) / largest_bias if largest_bias else np.inf,
    ]
    bound = float(min(limits))
    if full == 0:  # no weights
        return min(bound, registers.threshold_aim / top if top else 1.0)
    for exponent in range(registers.max_weight_exponent, -1, -1):
        scale = full * 2.0**exponent
        if scale <= bound and scale * top <= registers.threshold_aim:
            return scale
    return min(bound, full)


def _round_weights(
    weights: Sequence[Array], scale: float, registers: Registers
) -> tuple[list[int], list[NDArray[np.int16]], list[Array]]:
    """Return exponents, mantissas, and the weights in chip units that they stand for."""
    exponents = [_exponent(scale * float(np.abs(w).max(initial=0)), registers.max_mantissa(w)) for w in weights]
    if registers.layered:
        exponents = [max(exponents, default=0)] * len(exponents)
    mantissas = [np.rint(scale * w / 2.0**e).astype(np.int16) for w, e in zip(weights, exponents, strict=True)]
    return exponents, mantissas, [m.astype(np.float64) * 2.0**e for m, e in zip(mantissas, exponents, strict=True)]


def _exponent(peak: float, max_mantissa: int) -> int:
    """Return the least exponent at which ``peak`` rounds to a mantissa in range."""
    return max(0, int(np.floor(np.log2(peak / (max_mantissa + 0.5)))) + 1) if peak > 0 else 0


def _worst_sum(weights: Sequence[Array], payloads: Sequence[int]) -> float:
    """Return the largest |sum| that one step of spikes can cause in a neuron through all its projections together."""
    reach = [_reach_by_unit(weight) * payload for weight, payload in zip(weights, payloads, strict=True)]
    size = max((r.shape[1] for r in reach), default=0)  # a matrix has the neurons of a map, a kernel its channels
    return float(np.sum([np.repeat(r, size // r.shape[1], axis=1) for r in reach], axis=0).max(initial=0))


def _round_bias(value: Array, registers: Registers) -> tuple[NDArray[np.int64], int]:
    exponent = registers.min_bias_exponent
    while (
        np.abs(np.rint(value / 2**exponent)).max() > registers.max_bias_mantissa
        and exponent < registers.max_bias_exponent
    ):
        exponent += 1
    return np.rint(value / 2**exponent).astype(np.int64), exponent


def _reach(weight: NDArray[np.generic]) -> float:
    """Return the largest |sum| that spikes can cause in an output unit: positive or negative weights alone."""
    return float(_reach_by_unit(weight).max())


def _reach_by_unit(weight: NDArray[np.generic]) -> Array:
    """Return the sums of the positive weights, and of the negative ones, of each output unit: (2, units)."""
    flat = np.asarray(weight, np.float64).reshape(len(weight), -1)
    return np.stack([np.maximum(flat, 0).sum(axis=1), np.maximum(-flat, 0).sum(axis=1)])


def _register(value: NDArray[np.generic]) -> NDArray[np.int32]:
    """Return a scalar where all neurons agree, the full array otherwise."""
    array = np.asarray(value, np.int32)
    first = array.reshape(-1)[:1]
    return first.reshape(()) if array.size and np.all(array == first) else array
