"""From the float network to the integers of the chip.

For each population a scale ``P`` (units of v >> 6 per float unit) turns weights, threshold and bias into
integers of one common unit::

    weight      P * w   ~ m * 2^e          |m| < 2^(bits-1), 2^bits if all share a sign; e of the projection
    threshold   vth   = round(P * (theta - v_reset) / gain)            17 bits
    bias        64 P (bias - (1 - beta) v_reset) / gain = mant << exp  13 bits signed, exponent 0..7
    decays      du = round(4096 (1 - alpha)) - 1,  dv = round(4096 (1 - beta))        12 bits

``P`` is the largest that fills the weights' mantissa and keeps every register in range and the current
from wrapping at 24 bits; 64 where all parameters are multiples of 1/64 that fit as they are (lava-dl trains on
those, and netx runs these integers).  The gain is divided out (v / gain fires at the same steps), v_reset is shifted
to 0.  Source: Lava's equations, docs/fixed-point.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from spear_deploy.errors import Finding, UnsupportedError
from spear_deploy.network import Network, Neuron, Population
from spear_deploy.network.synapses import ConvSynapses, Synapses, compose, constant_input
from spear_deploy.targets.loihi.program import ChipPopulation, ChipProgram, ChipProjection, InputPort
from spear_deploy.targets.loihi.registers import InputRange, Registers
from spear_deploy.targets.loihi.rules import lacking, too_long
from spear_deploy.targets.loihi.timing import extra_delays, levels

Array = NDArray[np.float64]

CURRENT_BOUND = 1 << 17
"""|u| >> 6 must stay below this: Loihi's current wraps at 24 bits."""
_THRESHOLD_AIM = 1 << 14
"""Thresholds are kept below an eighth of the register, so that v has head-room before it clips."""
_GRID = 64.0
"""lava-dl trains on multiples of 1/64 and stores 64 times that: the scale that gives back its integers."""


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
    findings = list(lacking(network, registers, ranges))
    try:
        level = levels(network)
    except UnsupportedError as error:
        raise UnsupportedError([*findings, *error.findings]) from error
    delays = extra_delays(network, level)
    findings += too_long(delays, registers)
    if findings:
        raise UnsupportedError(findings)
    by_target: dict[str, list[Synapses]] = {population.name: [] for population in network.populations}
    for synapses in compose(network):
        by_target[synapses.target].append(synapses)
    ports = {p.name: _port(p, ranges.get(p.name, InputRange()), registers) for p in network.inputs}
    ports = {name: _fitted(port, network, by_target, registers) for name, port in ports.items()}
    populations, projections, notes = [], [], []
    for population in network.neurons:
        incoming = by_target[population.name]
        chip_population, exponents, mantissas, found = _quantise_population(
            network, population, level[population.name], incoming, ports, registers
        )
        notes += found
        populations.append(chip_population)
        for synapses, exponent, mantissa in zip(incoming, exponents, mantissas, strict=True):
            projections.append(ChipProjection(replace(synapses, weight=mantissa), exponent, delays[synapses.name]))
    errors = [note for note in notes if note.severity == "error"]
    if errors:
        raise UnsupportedError(errors)
    rank = {projection.name: index for index, projection in enumerate(network.projections)}
    projections.sort(key=lambda projection: rank[projection.synapses.name])
    program = ChipProgram(chip, tuple(ports.values()), tuple(populations), tuple(projections), network.outputs)
    return Quantised(program, _gathered(notes))


def _port(population: Population, values: InputRange, registers: Registers) -> InputPort:
    if values.integral:
        return InputPort(population.name, population.shape, max(1, int(values.maximum)))
    payload = registers.max_payload
    return InputPort(population.name, population.shape, payload, payload / values.maximum)


def _fitted(
    port: InputPort, network: Network, by_target: Mapping[str, Sequence[Synapses]], registers: Registers
) -> InputPort:
    """Halve the payloads of a graded input until full mantissas of its projections cannot wrap the current."""
    worst = 0.0
    for projection in network.out_of(port.name):
        synapses = next(s for s in by_target[projection.target] if s.name == projection.name)
        peak = np.abs(synapses.weight).max(initial=0)
        alpha = _neuron(network[projection.target]).alpha
        if peak > 0:
            # The bit that weights of one sign save is not worth one of input.
            full = ((1 << (registers.weight_bits - 1)) - 1) / peak
            worst = max(worst, float(full * _reach(synapses.weight) / (1 - alpha.max())))
    payload = port.max_value
    while port.scale != 1.0 and payload > 15 and worst * payload >= CURRENT_BOUND:
        payload //= 2
    return replace(port, max_value=payload, scale=port.scale * payload / port.max_value)


def _quantise_population(
    network: Network,
    population: Population,
    level: int,
    incoming: Sequence[Synapses],
    ports: Mapping[str, InputPort],
    registers: Registers,
) -> tuple[ChipPopulation, list[int], list[NDArray[np.int16]], list[Finding]]:
    neuron, incoming = _with_one_gain(_neuron(population), incoming)
    alpha, beta = neuron.alpha.astype(np.float64), neuron.beta.astype(np.float64)
    gain, reset_value = neuron.gain.astype(np.float64), neuron.reset_value.astype(np.float64)
    constant = constant_input(network, population.name)
    bias = (neuron.bias - (1 - beta) * reset_value) / gain + constant / (1 - alpha)
    theta = None if neuron.threshold is None else (neuron.threshold - reset_value) / gain
    per_payload = [s.weight / (ports[s.source].scale if s.source in ports else 1.0) for s in incoming]
    payload = [ports[s.source].max_value if s.source in ports else 1 for s in incoming]
    full = min(
        (registers.max_mantissa(w) / peak for w in per_payload if (peak := np.abs(w).max(initial=0)) > 0), default=0
    )
    du = np.maximum(np.rint(4096 * (1 - alpha)).astype(np.int64) - 1, 0)
    gathered = 4096 / (float(du.min()) + 1)  # a constant input adds up to so many times itself in u
    if _is_on_grid(per_payload, theta, bias, registers):
        scale = _GRID
    else:
        scale = _scale(float(full), _worst_sum(per_payload, payload) * gathered, theta, bias, registers)
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
        level,
        scale,
        du=_register(du),
        dv=_register(dv),
        vth=_register(vth),
        bias_mant=_register(bias_mant),
        bias_exp=_register(np.full((), bias_exp)),
        reset="value" if neuron.is_readout else neuron.reset,
        late=neuron.late and not neuron.is_readout,
    )
    notes = _notes(population, neuron, constant, vth, bias_mant, registers)
    return chip_population, exponents, mantissas, notes


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


def _is_on_grid(weights: Sequence[Array], theta: Array | None, bias: Array, registers: Registers) -> bool:
    """Say whether the scale ``_GRID`` makes integers that fit of every weight, threshold and bias, without rounding."""
    mantissa, exponent = _bias(64 * _GRID * bias, registers)
    vth = np.zeros(1) if theta is None else _GRID * theta
    if not (
        vth.max() <= registers.max_threshold
        and np.abs(mantissa).max() <= registers.max_bias_mantissa
        and np.array_equal(vth, np.rint(vth))
        and np.array_equal(64 * _GRID * bias, np.ldexp(mantissa, exponent))
    ):
        return False  # before the many weights are rounded
    exponents, _, rounded = _rounded(weights, _GRID, registers)
    fits = max(exponents, default=8) <= registers.max_weight_exponent
    return fits and all(np.array_equal(w * _GRID, r) for w, r in zip(weights, rounded, strict=True))


def _scale(full: float, reach: float, theta: Array | None, bias: Array, registers: Registers) -> float:
    """Return the largest scale that fills the mantissa and respects the bounds, else the bound itself.

    ``full`` is the scale that fills the first mantissa at exponent 0; 0 without weights.
    """
    top = float(theta.max()) if theta is not None else 0.0
    bias_limit = registers.max_bias_mantissa << registers.max_bias_exponent
    limits = [
        (CURRENT_BOUND - 1) / (reach * (1 + 2**-6)) if reach else np.inf,  # rounding may enlarge the sum a little
        registers.max_threshold / top if top else np.inf,
        bias_limit / (64 * np.abs(bias).max()) if np.any(bias) else np.inf,
    ]
    bound = float(min(limits))
    if full == 0:
        return min(bound, _THRESHOLD_AIM / top if top else 1.0)
    for exponent in range(registers.max_weight_exponent, -1, -1):
        scale = full * 2.0**exponent
        if scale <= bound and scale * top <= _THRESHOLD_AIM:
            return scale
    return min(bound, full)


def _rounded(
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


def _bias(value: Array, registers: Registers) -> tuple[NDArray[np.int64], int]:
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
    if not neuron.is_readout and (neuron.reset != "value" or neuron.late):
        how = "subtracts its threshold" if neuron.reset == "subtract" else "resets"
        message = f"it {how}{' one step late' if neuron.late else ''}: exact here, on silicon not the built-in neuron"
        notes.append(Finding("N005", where, message, severity="note"))
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


def _gathered(notes: Sequence[Finding]) -> tuple[Finding, ...]:
    """Say once what holds for several populations."""
    places: dict[tuple[str, str], list[str]] = {}
    for note in notes:
        places.setdefault((note.code, note.message), []).append(note.where)
    return tuple(Finding(code, ", ".join(where), message, severity="note") for (code, message), where in places.items())
