"""Rules of Xylo on the activity of a network on samples, in float and in integers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from spear_deploy.network import Network, Neuron, Population
from spear_deploy.targets.network_rules import where
from spear_deploy.targets.observation import Observation
from spear_deploy.targets.rules import Breach, rule
from spear_deploy.targets.xylo.layer import Layer
from spear_deploy.targets.xylo.program import XyloProgram
from spear_deploy.targets.xylo.registers import Registers, kept
from spear_deploy.targets.xylo.rounding import thresholds
from spear_deploy.targets.xylo.scaling import Followed

_RUNS_AWAY = 0.01
"""Share of a population's spikes that may come with a second threshold in the membrane."""
_NOTICEABLE_LOSS = 0.05
_NOTICEABLE_DECAY_ERROR = 0.02
_NOTICEABLE_CLIPS = 0.001
_NOTICEABLE_ZEROS = 0.25
_HALF_A_STEP = 0.5


@dataclass(frozen=True)
class FloatSpikes:
    """What a population of the float network fired on samples, in words: ``held`` bins held two thresholds or more."""

    population: Population
    is_output: bool
    spikes: int
    held: int
    samples: str

    @property
    def share(self) -> float:
        """Those bins as a share of the spikes."""
        return self.held / max(1, self.spikes)


def float_spikes(network: Network, seen: Observation) -> list[FloatSpikes]:
    """Run a float network whose neurons subtract on what was seen; return what each population fired."""
    import torch

    from spear_deploy.simulate.simulator import FloatSimulator
    from spear_deploy.simulate.tensors import to_tensor

    membranes: dict[str, torch.Tensor] = {}
    with torch.no_grad():
        FloatSimulator(network)({name: to_tensor(x) for name, x in seen.inputs.items()}, membranes)
    found = []
    for population in network.neurons:
        sent, neuron = seen.sent[population.name], population.neuron
        assert neuron.threshold is not None
        several = (
            sent > 1 if neuron.spikes == "integer" else (sent > 0) & _at(membranes[population.name].numpy(), neuron)
        )
        counts = int(sent.sum(dtype=np.float64)), int(np.count_nonzero(several))
        found.append(FloatSpikes(population, population.name in network.outputs, *counts, seen.source))
    return found


def _at(membrane: np.ndarray, neuron: Neuron) -> np.ndarray:
    """Return where a membrane would fire again after a spike subtracted its threshold."""
    return np.asarray(membrane >= neuron.threshold if neuron.compare == "ge" else membrane > neuron.threshold)


@rule("E071", fix="deploy with --adapt, which trains it under the chip's rule, or train it with several spikes a step")
def holds_one_threshold(subject: FloatSpikes, limits: Registers) -> Iterator[Breach]:
    """A hidden neuron fires for each threshold that its membrane holds, {hidden_spikes} times a step at most."""
    if subject.population.neuron.spikes == "binary" and not subject.is_output and subject.share > _RUNS_AWAY:
        message = (
            f"it was trained with one spike a step, and {subject.share:.1%} of its {subject.spikes:,} spikes leave "
            f"another threshold in the membrane on {subject.samples}"
        )
        yield Breach(where(subject.population), message, subject.share, _RUNS_AWAY)


@rule("N030", severity="note")
def seldom_holds_more(subject: FloatSpikes, limits: Registers) -> Iterator[Breach]:
    """A hidden neuron that was trained with one spike a step fires several where its membrane holds several."""
    if subject.population.neuron.spikes == "binary" and not subject.is_output and 0 < subject.share <= _RUNS_AWAY:
        message = f"{subject.held:,} of its {subject.spikes:,} spikes leave another threshold on {subject.samples}"
        yield Breach(where(subject.population), message, subject.share, _RUNS_AWAY)


@rule("N031", severity="note")
def outputs_fire_once(subject: FloatSpikes, limits: Registers) -> Iterator[Breach]:
    """An output neuron fires {output_spikes} time a step at most; what is left fires in the steps behind."""
    if subject.population.neuron.spikes == "integer" and subject.is_output and subject.held:
        message = (
            f"in float {subject.held:,} bins hold several spikes of {subject.spikes:,} in all, on {subject.samples}"
        )
        yield Breach(where(subject.population), message, subject.held, 0)


FLOAT_RULES = (holds_one_threshold, seldom_holds_more, outputs_fire_once)
"""Checked on what the float network fires."""


@dataclass(frozen=True, eq=False)
class RoundedLayer:
    """A layer of a program, and how it follows the float network on samples, in words."""

    layer: Layer
    program: XyloProgram
    followed: Followed
    samples: str

    @property
    def where(self) -> str:
        """The place that a finding names."""
        return where(self.layer.population)


def rounded_layers(
    layers: Sequence[Layer], program: XyloProgram, followed: Mapping[str, Followed], samples: str
) -> list[RoundedLayer]:
    """Return what the rules of rounded layers look at."""
    return [RoundedLayer(layer, program, followed[layer.name], samples) for layer in layers]


@rule("E034", fix="train with smaller weights, or with a larger threshold")
def thresholds_have_a_step(subject: RoundedLayer, limits: Registers) -> Iterator[Breach]:
    """A threshold is an integer from 1 to {limit}; weights reach {max_mantissa} << {max_shift}."""
    scale = subject.program.population(subject.layer.name).scale
    least = float((scale * subject.layer.theta).min())
    if thresholds(subject.layer, scale).min() < 1 or least < _HALF_A_STEP:
        yield Breach(subject.where, f"weights leave the threshold {least:.3g} of a step", least, 1, at_least=True)


@rule("N004", fix="train with decays of 1 - 2^-d, as --adapt does", severity="note")
def decays_are_shifts(subject: RoundedLayer, limits: Registers) -> Iterator[Breach]:
    """What a state keeps in a step is 1 - 2^-d, with d up to {max_decay}."""
    neuron = subject.layer.population.neuron
    for name, wanted, dash in (
        ("membrane", neuron.beta, subject.layer.dash_mem),
        ("current", neuron.alpha, subject.layer.dash_syn),
    ):
        wished, has = wanted.astype(np.float64).reshape(-1), kept(dash)
        error = np.abs(has - wished) / np.maximum(1 - wished, np.ldexp(1.0, -limits.max_decay))
        worst = int(error.argmax())
        if error[worst] > _NOTICEABLE_DECAY_ERROR:
            message = f"the {name} keeps {has[worst]:.6g} of itself instead of {wished[worst]:.6g}"
            share = f"what it loses in a step is off by {error[worst]:.1%}"
            yield Breach(subject.where, f"{message}: {share}", float(error[worst]), _NOTICEABLE_DECAY_ERROR)


@rule("N002", severity="note")
def bias_on_the_membrane(subject: RoundedLayer, limits: Registers) -> Iterator[Breach]:
    """A bias acts on the membrane, not on the synaptic current."""
    layer = subject.layer
    if np.any(layer.bias != layer.population.neuron.bias.reshape(-1)):
        share = subject.followed.moved / max(1, subject.followed.in_float)
        message = (
            "a bias that feeds the synaptic current acts on the membrane at its steady state from the first step; "
            f"with all rounding {share:.1%} of its spikes move on {subject.samples}"
        )
        yield Breach(subject.where, message, share)


@rule("N033", severity="note")
def biases_act_early(subject: RoundedLayer, limits: Registers) -> Iterator[Breach]:
    """Biases act from the chip's first step on: before the input reaches a later layer."""
    population = subject.program.population(subject.layer.name)
    if population.depth and np.any(population.bias):
        steps = f"{population.depth} step{'s' * (population.depth > 1)}"
        yield Breach(subject.where, f"its bias acts {steps} before its sample begins", population.depth, 0)


@rule("N032", fix="train with smaller currents and membranes", severity="note")
def states_stay_in_range(subject: RoundedLayer, limits: Registers) -> Iterator[Breach]:
    """Currents and membranes are clipped at {limit}, at each single addition."""
    clips = subject.followed.clips
    share = max(clips.currents, clips.membranes) / max(1, clips.bins)
    if share > _NOTICEABLE_CLIPS:
        message = (
            f"currents are at the limit in {clips.currents / clips.bins:.2%} of the bins, membranes in "
            f"{clips.membranes / clips.bins:.2%}, on {subject.samples}"
        )
        yield Breach(subject.where, message, share, _NOTICEABLE_CLIPS)


@rule("N023", fix="deploy with --adapt, which trains it as the chip computes", severity="note")
def populations_follow(subject: RoundedLayer, limits: Registers) -> Iterator[Breach]:
    """Integers follow the float network up to the rounding of weights to {max_mantissa} levels and of decays."""
    found, on = subject.followed, f"on {subject.samples}"
    off = abs(found.on_chip - found.in_float) / max(found.in_float, 1)
    if off > _NOTICEABLE_LOSS:
        message = f"it fires {found.on_chip:,} times on the chip and {found.in_float:,} times in float, {on}"
        yield Breach(subject.where, message, off, _NOTICEABLE_LOSS)


@rule("N021", fix="train with a limit on the largest weights and biases", severity="note")
def weights_are_kept(subject: RoundedLayer, limits: Registers) -> Iterator[Breach]:
    """A weight is an integer up to {max_mantissa}, shifted by up to {max_shift}; a bias is one up to {limit}."""
    population, total, clipped, zeros = subject.program.population(subject.layer.name), 0, 0, 0
    mantissas = {synapses.name: synapses for synapses in subject.program.synapses}
    for each, weight in zip(subject.layer.incoming, subject.layer.weights, strict=True):
        rounded = mantissas[each.name]
        steps = weight * population.scale[:, None] / np.ldexp(1.0, subject.program.shift_of(rounded))
        total += int(np.count_nonzero(weight))
        clipped += int(np.count_nonzero(np.abs(steps) > np.abs(rounded.weight) + 1))
        zeros += int(np.count_nonzero((weight != 0) & (rounded.weight == 0)))
    biases = int(np.count_nonzero(np.abs(subject.layer.bias * population.scale - population.bias) > 1))
    found = [f"{clipped:,} of its {total:,} weights are clipped"] if clipped else []
    found += [f"{biases:,} of its biases are clipped"] if biases else []
    found += [f"{zeros / total:.0%} of its weights round to zero"] if zeros > _NOTICEABLE_ZEROS * total else []
    if found:
        yield Breach(subject.where, " and ".join(found), (clipped + zeros) / max(1, total))


LAYER_RULES = (
    thresholds_have_a_step,
    weights_are_kept,
    decays_are_shifts,
    bias_on_the_membrane,
    biases_act_early,
    states_stay_in_range,
    populations_follow,
)
"""Checked on each population once its integers are known."""
