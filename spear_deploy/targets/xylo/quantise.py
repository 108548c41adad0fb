"""Quantise a float network to Xylo's integers: rules, scales, rounding, and notes on what that costs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from spear_deploy.errors import Finding, UnsupportedError
from spear_deploy.network import Network
from spear_deploy.targets.network_rules import NetworkToLower
from spear_deploy.targets.observation import observe
from spear_deploy.targets.ports import InputRange
from spear_deploy.targets.rules import Rule, check_rules, group_findings
from spear_deploy.targets.xylo.layer import layers_of
from spear_deploy.targets.xylo.place import core_figures
from spear_deploy.targets.xylo.profile import XyloProfile
from spear_deploy.targets.xylo.program import XyloProgram
from spear_deploy.targets.xylo.registers import Registers
from spear_deploy.targets.xylo.rounding import round_trained
from spear_deploy.targets.xylo.rules import NETWORK_RULES
from spear_deploy.targets.xylo.sample_rules import FLOAT_RULES, LAYER_RULES, float_spikes, rounded_layers
from spear_deploy.targets.xylo.scaling import choose, follow


@dataclass(frozen=True, eq=False)
class Quantised:
    """A program, and notes on noticeable rounding."""

    program: XyloProgram
    notes: tuple[Finding, ...]


def quantise(
    network: Network, chip: XyloProfile, registers: Registers, ranges: Mapping[str, InputRange], spare: float = 0.0
) -> Quantised:
    """Round a network to a program, on samples of its input where ``ranges`` have them, else on random spikes.

    A network that was trained as a program becomes that program; ``spare`` as :func:`choose` has it.

    Raises :class:`UnsupportedError` with all findings of the rules of the network, else of what it fires, else of
    its integers; :class:`InputError` (E005) for samples that the inputs cannot take.
    """
    figures = all_figures(chip, registers)
    _refuse(check_rules(NETWORK_RULES, NetworkToLower(network, ranges), chip, figures))
    seen = observe(network, ranges)
    notes = _check(FLOAT_RULES, float_spikes(network, seen), registers, figures)
    _refuse(notes)
    layers = layers_of(network, registers)
    chosen = round_trained(network, registers) or choose(network, layers, seen, registers, spare)
    program = replace(chosen, chip=chip.name)
    subjects = rounded_layers(layers, program, follow(program, seen), seen.source)
    notes += _check(LAYER_RULES, subjects, registers, figures)
    _refuse(notes)
    return Quantised(program, group_findings(notes))


def all_figures(chip: XyloProfile, registers: Registers) -> Mapping[str, str]:
    """Return the figures for the texts of a chip's rules."""
    return {**registers.figures, **core_figures(chip)}


def _check(
    rules: Iterable[Rule], subjects: Iterable[Any], registers: Registers, figures: Mapping[str, str]
) -> list[Finding]:
    return [finding for subject in subjects for finding in check_rules(rules, subject, registers, figures)]


def _refuse(findings: list[Finding]) -> None:
    errors = [finding for finding in findings if finding.severity == "error"]
    if errors:
        raise UnsupportedError(group_findings(errors))
