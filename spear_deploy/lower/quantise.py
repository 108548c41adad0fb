"""From the float network to the integers of the chip.

For each population a scale ``P`` (units of v >> 6 per float unit) turns weights, threshold and bias into
integers of one common unit::

    weight      P * w   ~ m * 2^e          |m| <= 2^(bits-1) - 1, one exponent a projection
    threshold   vth   = round(P * (theta - v_reset) / gain)            17 bits
    bias        64 P (bias - (1 - beta) v_reset) / gain = mant << exp  13 bits signed, exponent 0..7
    decays      du = round(4096 (1 - alpha)) - 1,  dv = round(4096 (1 - beta))        12 bits

``P`` is the largest that fills the weights' mantissa and keeps every register in range and the current
from wrapping at 24 bits.  The gain is divided out (v / gain fires at the same steps), v_reset is shifted
to 0.  Source: Lava's equations, docs/fixed-point.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from spear_deploy.errors import Finding, UnsupportedError
from spear_deploy.lower.compose import Synapses, compose, constant_input
from spear_deploy.lower.program import ChipPopulation, ChipProgram, ChipProjection, InputPort
from spear_deploy.network import Network, Neuron, Population
from spear_deploy.profiles.schema import ChipProfile

Array = NDArray[np.float64]

CURRENT_BOUND = 1 << 17
"""|u| >> 6 must stay below this: Loihi's current wraps at 24 bits."""
_THRESHOLD_AIM = 1 << 14
"""Thresholds are kept below an eighth of the register, so that v has head-room before it clips."""


@dataclass(frozen=True)
class Registers:
    """The integer ranges of a chip's neuron and synapse that quantisation must respect."""

    weight_bits: int = 8
    max_weight_exponent: int = 7
    max_threshold: int = 131_071
    max_decay: int = 4095
    max_bias_mantissa: int = 4095
    max_bias_exponent: int = 7
    max_payload: int = 255

    @classmethod
    def of(cls, chip: ChipProfile, weight_bits: int | None = None) -> Registers:
        """Return the ranges of a chip; ``weight_bits`` may ask for fewer bits than it has."""
        bits = min(weight_bits or chip.weights.bits_max.value, chip.weights.bits_max.value, 8)
        exponent = chip.weights.exponent_max
        return cls(
            weight_bits=bits,
            max_weight_exponent=min(7, exponent.value) if exponent else 7,
            max_threshold=(1 << chip.neuron.threshold_bits.value) - 1,
            max_decay=(1 << chip.neuron.decay_bits.value) - 1,
            max_bias_mantissa=chip.neuron.bias_mantissa_max.value,
            max_bias_exponent=chip.neuron.bias_exponent_max.value,
            max_payload=min(255, (1 << chip.spikes.payload_bits.value) - 1) or 1,
        )

    @property
    def max_mantissa(self) -> int:
        """Largest weight mantissa of either sign."""
        return (1 << (self.weight_bits - 1)) - 1


@dataclass(frozen=True)
class InputRange:
    """What is fed into an input population: values 0..``maximum``; ``integral`` if all are integers."""

    maximum: float = 1.0
    integral: bool = True


@dataclass(frozen=True, eq=False)
class Quantised:
    """The integer program (not yet placed) and notes on what was rounded noticeably."""

    program: ChipProgram
    notes: tuple[Finding, ...]


def quantise(network: Network, chip: str, registers: Registers, ranges: Mapping[str, InputRange]) -> Quantised:
    """Quantise every population and projection.

    Raises :class:`UnsupportedError` with all findings: E021 for a readout that feeds others, E030..E032 for
    neurons the chip does not have, E033 for graded input on a chip that takes binary spikes, E034 for values
    that fit no register at any scale.
    """
    findings = [f for population in network.neurons for f in _neuron_findings(population)]
    findings += _graded_findings(network)
    findings += _input_findings(network, registers, ranges)
    if findings:
        raise UnsupportedError(findings)
    by_target: dict[str, list[Synapses]] = {population.name: [] for population in network.populations}
    for synapses in compose(network):
        by_target[synapses.target].append(synapses)
    ports = {p.name: _port(p, ranges.get(p.name, InputRange()), registers) for p in network.inputs}
    ports = {name: _fitted(port, network, by_target) for name, port in ports.items()}
    populations, projections, notes = [], [], []
    for population in network.neurons:
        incoming = by_target[population.name]
        chip_population, exponents, mantissas, found = _quantise_population(
            network, population, incoming, ports, registers
        )
        notes += found
        populations.append(chip_population)
        for synapses, exponent, mantissa in zip(incoming, exponents, mantissas, strict=True):
            delay = network.levels[population.name] - network.levels[synapses.source] - 1
            projections.append(ChipProjection(replace(synapses, weight=mantissa), exponent, delay))
    errors = [note for note in notes if note.severity == "error"]
    if errors:
        raise UnsupportedError(errors)
    rank = {projection.name: index for index, projection in enumerate(network.projections)}
    projections.sort(key=lambda projection: rank[projection.synapses.name])
    program = ChipProgram(chip, tuple(ports.values()), tuple(populations), tuple(projections), network.outputs)
    return Quantised(program, tuple(notes))


def _neuron_findings(population: Population) -> list[Finding]:
    neuron, where = population.neuron, f"population {population.name!r}"
    assert neuron is not None
    findings: list[Finding] = []
    if neuron.is_readout:
        return findings
    if neuron.reset != "value" or neuron.late:
        how = "by subtraction" if neuron.reset != "value" else "to a value"
        when = ", one step late" if neuron.late else ""
        message = f"it resets {how}{when}; the chip's neuron resets to a value in the step of the spike"
        overrides = ["--reset zero"] * (neuron.reset != "value") + ["--no-reset-delay"] * neuron.late
        fix = f"retrain with it, or override with {' '.join(overrides)} and let fine-tuning repair the accuracy"
        findings.append(Finding("E030", where, message, fix))
    if neuron.spikes == "integer":
        message = "it emits several spikes a step; the chip's neuron emits one"
        findings.append(Finding("E031", where, message, "override it with --spikes binary and fine-tune"))
    if neuron.floor is not None:
        message = f"its membrane is clipped at {neuron.floor:g}; the chip's neuron has no lower bound"
        findings.append(Finding("E032", where, message, "import it without --floor and fine-tune"))
    return findings


def _graded_findings(network: Network) -> list[Finding]:
    readouts = {p.name for p in network.neurons if _neuron(p).is_readout}
    message = "its membrane feeds other neurons; only spikes can be sent"
    return [
        Finding("E021", f"population {p.source!r}", message, "read it at an Output, or give it a threshold")
        for p in network.projections
        if p.source in readouts
    ]


def _input_findings(network: Network, registers: Registers, ranges: Mapping[str, InputRange]) -> list[Finding]:
    if registers.max_payload > 1:
        return []
    return [
        Finding(
            "E033",
            f"input {p.name!r}",
            "the chip takes binary input spikes only",
            "use --encoding rate, or binary events",
        )
        for p in network.inputs
        if (r := ranges.get(p.name, InputRange())) and not (r.integral and r.maximum <= 1)
    ]


def _port(population: Population, values: InputRange, registers: Registers) -> InputPort:
    if values.integral:
        return InputPort(population.name, population.shape, max(1, int(values.maximum)))
    levels = registers.max_payload
    return InputPort(population.name, population.shape, levels, levels / values.maximum)


def _fitted(port: InputPort, network: Network, by_target: Mapping[str, Sequence[Synapses]]) -> InputPort:
    """Halve the levels of a graded input until full mantissas of its projections cannot wrap the current."""
    worst = 0.0
    for projection in network.out_of(port.name):
        synapses = next(s for s in by_target[projection.target] if s.name == projection.name)
        peak = np.abs(synapses.weight).max(initial=0)
        alpha = _neuron(network[projection.target]).alpha
        if peak > 0:
            worst = max(worst, float(_reach(synapses.weight) / peak / (1 - alpha.max())))
    levels = port.max_value
    while port.scale != 1.0 and levels > 15 and worst * levels * 127 >= CURRENT_BOUND:
        levels //= 2
    return replace(port, max_value=levels, scale=port.scale * levels / port.max_value)


def _quantise_population(
    network: Network,
    population: Population,
    incoming: Sequence[Synapses],
    ports: Mapping[str, InputPort],
    registers: Registers,
) -> tuple[ChipPopulation, list[int], list[NDArray[np.int16]], list[Finding]]:
    neuron = _neuron(population)
    alpha, beta = neuron.alpha.astype(np.float64), neuron.beta.astype(np.float64)
    gain, reset_value = neuron.gain.astype(np.float64), neuron.reset_value.astype(np.float64)
    constant = constant_input(network, population.name)
    bias = (neuron.bias - (1 - beta) * reset_value) / gain + constant / (1 - alpha)
    theta = None if neuron.threshold is None else (neuron.threshold - reset_value) / gain
    per_payload = [s.weight / (ports[s.source].scale if s.source in ports else 1.0) for s in incoming]
    payload = [ports[s.source].max_value if s.source in ports else 1 for s in incoming]
    peak = max((float(np.abs(w).max(initial=0)) for w in per_payload), default=0.0)
    du = np.maximum(np.rint(4096 * (1 - alpha)).astype(np.int64) - 1, 0)
    gathered = 4096 / (float(du.min()) + 1)  # a constant input adds up to so many times itself in u
    scale = _scale(peak, _worst_sum(per_payload, payload) * gathered, theta, bias, registers)
    exponents, mantissas, rounded = _rounded(per_payload, scale, registers)
    while _worst_sum(rounded, payload) * gathered >= CURRENT_BOUND:  # where many were rounded up
        scale /= 2
        exponents, mantissas, rounded = _rounded(per_payload, scale, registers)
    bias_mant, bias_exp = _bias(64 * scale * bias, registers)
    dv = np.minimum(np.rint(4096 * (1 - beta)).astype(np.int64), registers.max_decay)
    vth = np.full((), registers.max_threshold) if theta is None else np.rint(scale * theta).astype(np.int64)
    kind: Literal["lif", "readout"] = "readout" if theta is None else "lif"
    chip_population = ChipPopulation(
        population.name,
        population.shape,
        kind,
        network.levels[population.name],
        scale,
        *(_register(value) for value in (du, dv, vth, bias_mant, np.full((), bias_exp))),
    )
    notes = _notes(population, neuron, constant, vth, bias_mant, registers)
    return chip_population, exponents, mantissas, notes


def _scale(peak: float, reach: float, theta: Array | None, bias: Array, registers: Registers) -> float:
    """Return the largest scale that fills the mantissa and respects the bounds, else the bound itself."""
    top = float(theta.max()) if theta is not None else 0.0
    bias_limit = registers.max_bias_mantissa << registers.max_bias_exponent
    limits = [
        (CURRENT_BOUND - 1) / (reach * (1 + 2**-6)) if reach else np.inf,  # rounding may enlarge the sum a little
        registers.max_threshold / top if top else np.inf,
        bias_limit / (64 * np.abs(bias).max()) if np.any(bias) else np.inf,
    ]
    bound = float(min(limits))
    if peak == 0:
        return min(bound, _THRESHOLD_AIM / top if top else 1.0)
    full = registers.max_mantissa / peak
    for exponent in range(registers.max_weight_exponent, -1, -1):
        scale = full * 2.0**exponent
        if scale <= bound and scale * top <= _THRESHOLD_AIM:
            return scale
    return min(bound, full)


def _rounded(
    weights: Sequence[Array], scale: float, registers: Registers
) -> tuple[list[int], list[NDArray[np.int16]], list[Array]]:
    """Return exponents, mantissas, and the weights in chip units that they stand for."""
    exponents = [_exponent(scale * float(np.abs(w).max(initial=0)), registers) for w in weights]
    mantissas = [np.rint(scale * w / 2.0**e).astype(np.int16) for w, e in zip(weights, exponents, strict=True)]
    return exponents, mantissas, [m.astype(np.float64) * 2.0**e for m, e in zip(mantissas, exponents, strict=True)]


def _exponent(peak: float, registers: Registers) -> int:
    """Return the least exponent at which ``peak`` rounds to a mantissa in range."""
    return max(0, int(np.floor(np.log2(peak / (registers.max_mantissa + 0.5)))) + 1) if peak > 0 else 0


def _worst_sum(weights: Sequence[Array], payloads: Sequence[int]) -> float:
    """Return the largest |sum| that one step of spikes can cause through all projections together."""
    return sum(_reach(weight) * payload for weight, payload in zip(weights, payloads, strict=True))


def _bias(value: Array, registers: Registers) -> tuple[NDArray[np.int64], int]:
    exponent = 0
    while (
        np.abs(np.rint(value / 2**exponent)).max() > registers.max_bias_mantissa
        and exponent < registers.max_bias_exponent
    ):
        exponent += 1
    return np.rint(value / 2**exponent).astype(np.int64), exponent


def _reach(weight: NDArray[np.generic]) -> float:
    """Return the largest |sum| that spikes can cause in an output unit: positive or negative weights alone."""
    flat = np.asarray(weight, np.float64).reshape(len(weight), -1)
    return float(np.maximum(np.maximum(flat, 0).sum(axis=1), np.maximum(-flat, 0).sum(axis=1)).max())


def _register(value: NDArray[np.generic]) -> NDArray[np.int32]:
    """Return a scalar where all neurons agree, the full array otherwise."""
    array = np.asarray(value, np.int32)
    return array.reshape(-1)[0].reshape(()) if array.size and np.all(array == array.reshape(-1)[0]) else array


def _neuron(population: Population) -> Neuron:
    assert population.neuron is not None
    return population.neuron


def _notes(
    population: Population,
    neuron: Neuron,
    constant: Array,
    vth: NDArray[np.int64],
    bias_mant: NDArray[np.int64],
    registers: Registers,
) -> list[Finding]:
    where = f"population {population.name!r}"
    notes = []
    if neuron.is_readout and (np.ptp(neuron.gain) or np.ptp(neuron.reset_value)):
        message = "the readout's neurons have different gains or reset values, which their membranes would lose"
        notes.append(Finding("E034", where, message, "scale the weights in front of the readout instead"))
    if not neuron.is_readout and vth.min() < 1:
        message = f"the threshold rounds to {vth.min()}: the weights are too large beside it"
        notes.append(Finding("E034", where, message, "scale the layer's weights or thresholds when training"))
    if np.abs(bias_mant).max() > registers.max_bias_mantissa:
        message = (
            f"the bias mantissa reaches {np.abs(bias_mant).max()}, the register holds {registers.max_bias_mantissa}"
        )
        notes.append(Finding("E034", where, message, "train with a smaller bias"))
    if neuron.comparison == "ge" and not neuron.is_readout:
        message = "the source fires at v >= threshold, the chip at v > threshold; they differ only at equality"
        notes.append(Finding("N003", where, message, severity="note"))
    if neuron.has_current and np.any(constant):
        message = "a bias that feeds the synaptic current acts on the membrane at its steady state from the first step"
        notes.append(Finding("N002", where, message, severity="note"))
    for name, decay in (
        ("membrane", 1 - neuron.beta.astype(np.float64)),
        ("current", 1 - neuron.alpha.astype(np.float64)),
    ):
        active = decay[decay > 0]
        error = np.abs(np.rint(4096 * active) / 4096 / active - 1).max(initial=0)
        if error > 0.02:
            notes.append(Finding("N004", where, f"the {name} decay is off by {error:.1%}", severity="note"))
    return notes
