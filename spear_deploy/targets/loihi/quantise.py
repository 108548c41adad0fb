"""From the float network to the integers of the chip: every layer rounded at its scale, and the program that they make.

:mod:`.scaling` chooses the scales from what :mod:`.observation` saw, :mod:`.rounding` has the equations.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from spear_deploy.errors import Finding, UnsupportedError
from spear_deploy.network import Network
from spear_deploy.network.synapses import Synapses
from spear_deploy.targets.loihi.bias_source import can_be_fed, with_bias_sources
from spear_deploy.targets.loihi.inputs import ports_of
from spear_deploy.targets.loihi.layer import Layer, is_on_grid
from spear_deploy.targets.loihi.loss import follow
from spear_deploy.targets.loihi.program import LoihiProgram, LoihiProjection
from spear_deploy.targets.loihi.register_rules import (
    INPUT_RULES,
    LOSS_RULES,
    REGISTER_RULES,
    CodedInput,
    QuantisedNeurons,
)
from spear_deploy.targets.loihi.registers import Registers
from spear_deploy.targets.loihi.rounding import to_population
from spear_deploy.targets.loihi.rules import NETWORK_RULES
from spear_deploy.targets.loihi.scaling import Chosen, Setting, choose
from spear_deploy.targets.loihi.timing import extra_delays, pipeline_depths
from spear_deploy.targets.network_rules import NetworkToLower
from spear_deploy.targets.observation import Observation, observe
from spear_deploy.targets.ports import InputPort, InputRange
from spear_deploy.targets.rules import Rule, check_rules, group_findings

_SMALL_LOSS = 0.01
"""A bias of the synaptic current is moved to the membrane if the layer loses no more by it."""


@dataclass(frozen=True, eq=False)
class Quantised:
    """The integer program (not yet placed), the network that it computes, and notes on what was rounded noticeably.

    The network may have more populations than the one that was given: sources of biases (:mod:`.bias_source`).
    """

    program: LoihiProgram
    network: Network
    notes: tuple[Finding, ...]


def quantise(network: Network, chip: str, registers: Registers, ranges: Mapping[str, InputRange]) -> Quantised:
    """Quantise every population and projection; a bias that loses much on the membrane gets a source.

    Raises :class:`UnsupportedError` with all findings of the rules of the network, else of those of the registers, and
    :class:`InputError` (E005) for samples that the inputs cannot take.
    """
    plain = _rounded(network, registers, ranges)
    return _checked(*_feed_biases(plain, registers, ranges), chip, registers, ranges)


def quantise_to_train(network: Network, chip: str, registers: Registers, ranges: Mapping[str, InputRange]) -> Quantised:
    """Quantise as :func:`quantise` does, with every bias on the membrane.

    Training makes up for what that loses, where a source would spend SynOps in every step.
    """
    return _checked(_rounded(network, registers, ranges), {}, chip, registers, ranges)


def _rounded(network: Network, registers: Registers, ranges: Mapping[str, InputRange]) -> _Rounded:
    _refuse(_check(NETWORK_RULES, [NetworkToLower(network, ranges)], registers))
    return _Rounded.of(network, registers, ranges)


def _checked(
    rounded: _Rounded,
    moved: Mapping[str, float],
    chip: str,
    registers: Registers,
    ranges: Mapping[str, InputRange],
) -> Quantised:
    """Return what was rounded as a program, with notes; ``moved`` is what biases with a source would have lost."""
    network, seen, layers = rounded.network, rounded.seen, rounded.layers
    subjects = [QuantisedNeurons(*pair, moved.get(name, 0.0), seen.source) for name, pair in layers.items()]
    notes = _check(REGISTER_RULES, subjects, registers)
    _refuse([note for note in notes if note.severity == "error"])
    program = rounded.program(chip, registers)
    lacking = tuple(port.name for port in network.inputs if ranges.get(port.name, InputRange()).samples is None)
    coded = [CodedInput(port, seen.inputs[port.name], seen.source, lacking) for port in program.inputs]
    notes += _check(INPUT_RULES, coded, registers)
    followed = follow(program, seen, {name: layer for name, (layer, _) in layers.items()})
    notes += _check(LOSS_RULES, followed, registers)
    return Quantised(program, network, group_findings(notes))


@dataclass(frozen=True, eq=False)
class _Rounded:
    """A network, what it was seen to do, and the layers with their integers by name."""

    network: Network
    seen: Observation
    ports: Mapping[str, InputPort]
    layers: Mapping[str, tuple[Layer, Chosen]]

    @classmethod
    def of(cls, network: Network, registers: Registers, ranges: Mapping[str, InputRange]) -> _Rounded:
        seen = observe(network, ranges)
        incoming: dict[str, list[Synapses]] = {name: [] for name in network.shapes}
        for synapses in network.synapses:
            incoming[synapses.target].append(synapses)
        ports, seen = ports_of(network, ranges, seen, incoming, registers)
        setting = Setting(seen, ports, {p.name: p.delay for p in network.projections}, registers)
        layers = {}
        for population in network.neurons:
            name = population.name
            layer = Layer.of(population, network.constant_input(name), incoming[name], ports)
            layer = replace(layer, on_grid=all(is_on_grid(p.ops) for p in network.into(name)))
            layers[name] = layer, choose(layer, setting)
        return cls(network, seen, ports, layers)

    def loss(self, name: str) -> float:
        """Return what a population loses on its own."""
        return self.layers[name][1].trial.error

    def program(self, chip: str, registers: Registers) -> LoihiProgram:
        """Return the program of these integers."""
        depths = pipeline_depths(self.network) or {}
        delays = extra_delays(self.network, depths)
        populations, projections = [], {}
        for name, (layer, chosen) in self.layers.items():
            integers = chosen.integers
            populations.append(to_population(layer, integers, depths[name], registers))
            scale, mantissas = integers.scale, integers.mantissas
            parts = zip(layer.incoming, scale.exponents, scale.rises(), mantissas, strict=True)
            for synapses, exponent, raised, mantissa in parts:
                weights = replace(synapses, weight=mantissa)
                projections[synapses.name] = LoihiProjection(weights, exponent, delays[synapses.name], raised)
        ordered = tuple(projections[projection.name] for projection in self.network.projections)
        parts_of = (tuple(self.ports.values()), tuple(populations), ordered, self.network.outputs)
        return LoihiProgram(chip, *parts_of, arithmetic=registers.arithmetic)


def _feed_biases(
    plain: _Rounded, registers: Registers, ranges: Mapping[str, InputRange]
) -> tuple[_Rounded, dict[str, float]]:
    """Give the biases that lose much on the membrane a source; return what each of them would have lost."""
    network = plain.network
    names = [name for name, (layer, _) in plain.layers.items() if can_be_fed(layer) and plain.loss(name) > _SMALL_LOSS]
    if registers.layered or not names:
        return plain, {}
    fed = _Rounded.of(with_bias_sources(network, names), registers, ranges)
    better = [name for name in names if plain.loss(name) - fed.loss(name) > _SMALL_LOSS]
    if not better:
        return plain, {}
    if better != names:
        fed = _Rounded.of(with_bias_sources(network, better), registers, ranges)
    return fed, {name: plain.loss(name) for name in better}


def _check(rules: tuple[Rule, ...], subjects: Iterable[Any], registers: Registers) -> list[Finding]:
    return [finding for subject in subjects for finding in check_rules(rules, subject, registers, registers.figures)]


def _refuse(findings: list[Finding]) -> None:
    if findings:
        raise UnsupportedError(group_findings(findings))
