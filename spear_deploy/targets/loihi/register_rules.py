"""Rules of Loihi's registers on the integers, and a report of every loss by quantisation, with its amount."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spear_deploy.network import Neuron
from spear_deploy.targets.loihi.layer import Layer, row_blocks
from spear_deploy.targets.loihi.loss import Followed
from spear_deploy.targets.loihi.registers import Registers
from spear_deploy.targets.loihi.rounding import fires_otherwise, rounded_up
from spear_deploy.targets.loihi.scaling import Chosen
from spear_deploy.targets.network_rules import where
from spear_deploy.targets.ports import InputPort
from spear_deploy.targets.rules import Breach, rule

_NOTICEABLE_DECAY_ERROR = 0.02
"""A larger error of a decay is noted: 2 % of a leak visibly moves the spikes of a slow neuron (docs/fixed-point.md)."""
_NOTICEABLE_ZEROS = 0.25
"""A larger share of weights that round to zero is noted; this is the share of normally distributed ones in 4 bits."""
_NOTICEABLE_LOSS = 0.05
"""A population whose output is off by more than this share is noted."""
_NOTICEABLE_DECISIONS = 0.02
"""A larger share of samples that are decided differently is noted."""
_LOST = 0.25
"""Thresholds that are rounded up at such a loss of the layer are refused: one that falls silent loses twice as much."""
_MORE_BITS = "more --weight-bits, or let deploy fine-tune it on the chip's integers"


@dataclass(frozen=True, eq=False)
class QuantisedNeurons:
    """What the rules of the registers look at: a layer before and after quantising.

    ``moved`` is the loss that a bias would cause on the membrane, where it got a source of its own; ``samples`` says
    on what losses were measured.
    """

    layer: Layer
    chosen: Chosen
    moved: float
    samples: str

    @property
    def where(self) -> str:
        """The place that a finding names."""
        return where(self.layer.population)

    @property
    def neuron(self) -> Neuron:
        """The float neuron."""
        return self.layer.neuron

    @property
    def vth(self) -> NDArray[np.int64]:
        """Thresholds, not yet clipped to the register."""
        return self.chosen.integers.vth

    @property
    def raised(self) -> tuple[float, str]:
        """The loss of units with thresholds rounded up to one step, as a share of the layer's output; and in words."""
        layer, scale, trial = self.layer, self.chosen.integers.scale, self.chosen.trial
        beside = rounded_up(layer, scale)
        if layer.theta is None or not beside.any():
            return 0.0, ""
        in_unit = beside.reshape(layer.units, -1).any(axis=1)
        unit = int(np.where(in_unit, trial.errors, -1).argmax())
        kind = "neuron" if len(layer.population.shape) == 1 else "channel"
        count = int(np.count_nonzero(beside))
        which = "a threshold of" if count == 1 else f"{count:,} thresholds down to"
        message = (
            f"weights or biases are too large beside {which} {float(layer.theta[beside].min()):.3g}, "
            f"rounded up to one step, which is {1 / scale.per_unit[unit]:.3g} in {kind} {unit}: that {kind} loses "
            f"{trial.errors[unit]:.1%} of its output on {self.samples}"
        )
        return float((trial.errors * trial.weights)[in_unit].sum() / trial.weights.sum()), message


@rule("E034", fix="scale the weights in front of the readout instead")
def readouts_are_alike(subject: QuantisedNeurons, limits: Registers) -> Iterator[Breach]:
    """The neurons of a readout have one gain and one reset value, or their membranes could not be compared."""
    if subject.neuron.is_readout and (np.ptp(subject.neuron.gain) or np.ptp(subject.neuron.reset_value)):
        yield Breach(subject.where, "the readout's neurons have different gains or reset values")


@rule("E034", fix="scale the layer's weights or thresholds when training")
def thresholds_fit(subject: QuantisedNeurons, limits: Registers) -> Iterator[Breach]:
    """A threshold is an integer from 1 to {max_threshold}, in the unit of the weights."""
    loss, message = subject.raised
    if loss > _LOST:
        yield Breach(subject.where, message, loss, _LOST)


@rule("E034", fix="train with a smaller bias")
def biases_fit(subject: QuantisedNeurons, limits: Registers) -> Iterator[Breach]:
    """A bias has a mantissa up to {max_bias_mantissa} and an exponent up to {max_bias_exponent}."""
    largest = int(np.abs(subject.chosen.integers.bias_mant).max())
    if largest > limits.max_bias_mantissa:
        message = f"the bias mantissa reaches {largest}, the register holds {limits.max_bias_mantissa}"
        yield Breach(subject.where, message, largest, limits.max_bias_mantissa)


@rule("N005", severity="note")
def built_in_reset(subject: QuantisedNeurons, limits: Registers) -> Iterator[Breach]:
    """The silicon's built-in neuron {built_in}, in the step of the spike."""
    neuron = subject.neuron
    if not neuron.is_readout and (neuron.reset not in limits.built_in or neuron.reset_delay):
        how = "subtracts its threshold" if neuron.reset == "subtract" else "resets"
        late = " one step late" if neuron.reset_delay else ""
        yield Breach(subject.where, f"it {how}{late}: exact here, on silicon not the built-in neuron")


@rule("N003", severity="note")
def fires_above(subject: QuantisedNeurons, limits: Registers) -> Iterator[Breach]:
    """A neuron fires at v > threshold."""
    times = subject.chosen.trial.at_threshold
    if fires_otherwise(subject.layer, subject.chosen.integers):
        happened = f"{times:,} times" if times else "never"
        message = f"the source fires at v >= threshold too: v is at it {happened} on {subject.samples}"
        yield Breach(subject.where, message, times)


@rule("N002", severity="note")
def bias_on_the_membrane(subject: QuantisedNeurons, limits: Registers) -> Iterator[Breach]:
    """A bias acts on the membrane, not on the synaptic current."""
    if subject.moved:
        neurons = f"{subject.layer.population.size:,} neurons"
        message = (
            f"its bias feeds the synaptic current: a neuron that fires in every step does so, one synapse for each of "
            f"{neurons}; on the membrane it would cost {subject.moved:.1%} of the output on {subject.samples}"
        )
        yield Breach(subject.where, message, subject.moved)
    elif subject.neuron.has_current and np.any(subject.layer.constant):
        loss = subject.chosen.trial.error
        message = (
            "a bias that feeds the synaptic current acts on the membrane at its steady state from the first step; "
            f"with all rounding that costs {loss:.1%} of the output on {subject.samples}"
        )
        yield Breach(subject.where, message, loss)


@rule("N004", severity="note")
def decays_fit(subject: QuantisedNeurons, limits: Registers) -> Iterator[Breach]:
    """A decay has {decay_bits} bits."""
    unit = limits.arithmetic.decay_unit
    for name, kept in (("membrane", subject.neuron.beta), ("current", subject.neuron.alpha)):
        decay = 1 - kept.astype(np.float64)
        active = decay[decay > 0]
        error = float(np.abs(np.rint(unit * active) / unit / active - 1).max(initial=0))
        if error > _NOTICEABLE_DECAY_ERROR:
            yield Breach(subject.where, f"the {name} decay is off by {error:.1%}", error, _NOTICEABLE_DECAY_ERROR)


@rule("N021", fix=_MORE_BITS, severity="note")
def weights_are_kept(subject: QuantisedNeurons, limits: Registers) -> Iterator[Breach]:
    """A weight has {weight_bits} bits, and shares an exponent with its projection, or with those into one readout."""
    layer, integers = subject.layer, subject.chosen.integers
    nonzero, zeros, clipped, largest, kept = 0, 0, 0, 0.0, np.inf
    parts = zip(layer.weights, integers.mantissas, integers.scale.steps(layer.weights), strict=True)
    for weight, mantissa, step in parts:
        by_row = layer.rows(integers.scale.per_unit, weight) / step
        for some in row_blocks(weight):
            wanted, steps, got = weight[some], by_row[some], mantissa[some]
            beyond = np.abs(wanted * steps) > np.abs(got) + 1
            nonzero += int(np.count_nonzero(wanted))
            zeros += int(np.count_nonzero((wanted != 0) & (got == 0)))
            clipped += int(np.count_nonzero(beyond))
            largest = max(largest, float(np.abs(wanted[beyond]).max(initial=0)))
            kept = min(kept, float(np.abs(got / steps)[beyond].min(initial=np.inf)))
    found = []
    if clipped:
        found.append(_clipped(clipped, "weight", largest, kept))
    if zeros > _NOTICEABLE_ZEROS * nonzero:
        found.append(f"{zeros / nonzero:.0%} of the weights round to zero")
    if found:
        loss = f"the layer alone loses {subject.chosen.trial.error:.1%} of its output on {subject.samples}"
        yield Breach(subject.where, f"{' and '.join(found)}; {loss}", zeros / max(nonzero, 1))


def _clipped(count: int, what: str, largest: float, kept: float) -> str:
    if count == 1:
        return f"1 {what} of {largest:.3g} is clipped to {kept:.3g}"
    return f"{count:,} {what}s up to {largest:.3g} are clipped, the least of them to {kept:.3g}"


@rule("N022", severity="note")
def thresholds_are_reached(subject: QuantisedNeurons, limits: Registers) -> Iterator[Breach]:
    """A threshold that no membrane reaches may be clipped at {max_threshold}."""
    beyond = int(np.count_nonzero(subject.vth > limits.max_threshold))
    if subject.layer.theta is not None and beyond:
        scale = subject.layer.of_units(subject.chosen.integers.scale.per_unit)
        kept = float((limits.max_threshold / scale).min())
        largest = float(subject.layer.theta.max())
        message = _clipped(beyond, "threshold", largest, kept)
        yield Breach(subject.where, f"{message}, which no membrane reached on {subject.samples}", largest, kept)


@rule("N022", severity="note")
def thresholds_have_a_step(subject: QuantisedNeurons, limits: Registers) -> Iterator[Breach]:
    """A threshold of less than a step is rounded up to one."""
    loss, message = subject.raised
    if message and loss <= _LOST:
        yield Breach(subject.where, message, loss)


REGISTER_RULES = (
    readouts_are_alike,
    thresholds_fit,
    biases_fit,
    built_in_reset,
    fires_above,
    bias_on_the_membrane,
    decays_fit,
    weights_are_kept,
    thresholds_are_reached,
    thresholds_have_a_step,
)
"""Checked on each population once its integers are known."""


@dataclass(frozen=True, eq=False)
class CodedInput:
    """What the rules of the input look at: a port, values (T, N, *shape) that are fed in, and what they are.

    ``lacking`` are the inputs of the network that no samples were given of.
    """

    port: InputPort
    values: NDArray[Any]
    samples: str
    lacking: tuple[str, ...] = ()


@rule("N020", fix="scale or clip the data, and train with them", severity="note")
def inputs_are_kept(subject: CodedInput, limits: Registers) -> Iterator[Breach]:
    """An input is coded in integers up to {max_input}."""
    port = subject.port
    if port.largest is not None:
        end = port.max_value / port.scale
        beyond, positive = np.count_nonzero(subject.values > end), np.count_nonzero(subject.values)
        message = (
            f"values up to {port.largest:g} are clipped at {end:.3g}: {beyond:,} of {positive:,} on {subject.samples}"
        )
        yield Breach(f"input {port.name!r}", message, port.largest, end)


@rule("N009", fix="give samples of every input", severity="note")
def samples_are_of_all_inputs(subject: CodedInput, limits: Registers) -> Iterator[Breach]:
    """What a network reaches is measured on samples of all its inputs together, or on random input."""
    if subject.lacking and subject.port.name not in subject.lacking:
        names = ", ".join(map(repr, subject.lacking))
        yield Breach(f"input {subject.port.name!r}", f"its samples are not used, since there are none of {names}")


INPUT_RULES = (inputs_are_kept, samples_are_of_all_inputs)
"""Checked on each input once it is coded."""


@rule("N023", fix=_MORE_BITS, severity="note")
def populations_follow(subject: Followed, limits: Registers) -> Iterator[Breach]:
    """Integers follow the float network up to the rounding of weights of {weight_bits} bits."""
    place, on = f"population {subject.name!r}", f"on {subject.samples}"
    if subject.error > _NOTICEABLE_LOSS:
        message = f"its membrane, summed over time, is off by {subject.error:.1%} {on}"
        yield Breach(place, message, subject.error, _NOTICEABLE_LOSS)
    off = abs(subject.on_chip - subject.in_float) / max(subject.in_float, 1)
    if off > _NOTICEABLE_LOSS:
        message = f"it fires {subject.on_chip:,} times on the chip and {subject.in_float:,} times in float, {on}"
        yield Breach(place, message, off, _NOTICEABLE_LOSS)
    share = subject.decided_otherwise / max(subject.decisions, 1)
    if share > _NOTICEABLE_DECISIONS:
        message = f"its largest sum is another neuron's in {subject.decided_otherwise} of {subject.decisions} samples"
        yield Breach(place, message, share, _NOTICEABLE_DECISIONS)


LOSS_RULES = (populations_follow,)
"""Checked on what the whole program does."""
