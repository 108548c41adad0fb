"""A chip family without an emulator: rules, and a count of the cores that a network takes."""

from __future__ import annotations

from collections.abc import Mapping

from spear_deploy.errors import Finding
from spear_deploy.network import Network
from spear_deploy.placement import Placement
from spear_deploy.targets.checked.place import core_figures, place, place_rules
from spear_deploy.targets.checked.profile import CheckedProfile
from spear_deploy.targets.checked.rules import LIMITS, RESTRICTIONS, Check, figures_in_words
from spear_deploy.targets.checked.subject import NetworkToCheck
from spear_deploy.targets.narrowing import with_narrowings
from spear_deploy.targets.protocol import Checked
from spear_deploy.targets.rules import Rule, check_rules, counted, group_findings

_OWN_FIGURES = "give them, with their source, in a profile of your own that inherits this one (docs/howto/chip.md)"
_NAMES = {
    "capacity.neurons_per_core": "neurons of a core",
    "capacity.sources_per_core": "sources of a core",
    "capacity.synapses_per_core": "synapses of a core",
    "capacity.destination_cores": "cores that a neuron sends to",
    "synapses.fan_in": "synapses of a neuron",
    "synapses.weight_bits": "bits of a weight",
    "synapses.delay_max": "delays",
    "neurons.kinds": "kinds of neurons",
    "neurons.resets": "resets",
    "neurons.spikes": "spikes a step",
    "neurons.floor": "lower limits of membranes",
    "neurons.readout": "membranes as outputs",
    "layers.loops": "loops",
}


class CheckedFamily:
    """Chips by their published limits: no program, no emulator."""

    name = "checked"
    profile = CheckedProfile

    def rules(self, chip: CheckedProfile) -> list[tuple[Rule, Mapping[str, str]]]:
        """Return every rule that the chip has figures for, with the figures that fill its text."""
        of_network, of_cores = figures_in_words(chip), core_figures(chip)
        known = [each.rule for each in (*LIMITS, *RESTRICTIONS) if chip.figure(each.figure) is not None]
        return [*((each, of_network) for each in known), *((each, of_cores) for each in place_rules(chip))]

    def check(self, chip: CheckedProfile, network: Network) -> Checked:
        """Hold a network against the chip's limits; raises :class:`UnsupportedError` (E037)."""
        subject = NetworkToCheck(network)
        known = [each.rule for each in (*LIMITS, *RESTRICTIONS) if _is_made(each, chip, subject)]
        found = check_rules(known, subject, chip, figures_in_words(chip))
        placement = place(subject, chip)
        errors = [finding for finding in found if finding.severity == "error"]
        if placement is not None:
            errors += with_narrowings(placement.findings, network, lambda narrower: _beyond(narrower, chip))
        notes = [finding for finding in found if finding.severity == "note"]
        unmade = _unmade(chip, subject, placement)
        if unmade:
            listed = ", ".join(f"{_NAMES[path]} ({path})" for path in unmade)
            message = f"{counted(len(unmade), 'check')} could not be made, for want of a published figure: {listed}"
            notes.append(Finding("N040", chip.name, message, _OWN_FIGURES, "note"))
        return Checked(placement, group_findings(errors), group_findings(notes), unmade)


def _beyond(network: Network, chip: CheckedProfile) -> tuple[Finding, ...]:
    """Return what of a network does not fit its cores, where these can be counted."""
    placement = place(NetworkToCheck(network), chip)
    return () if placement is None else placement.findings


def _is_made(check: Check, chip: CheckedProfile, subject: NetworkToCheck) -> bool:
    return chip.figure(check.figure) is not None and check.concerns(subject)


def _unmade(chip: CheckedProfile, subject: NetworkToCheck, placement: Placement | None) -> tuple[str, ...]:
    """Return the paths of the figures that are absent and would be needed."""
    needed = [each.figure for each in LIMITS if each.concerns(subject)]
    needed += ["capacity.neurons_per_core", "capacity.sources_per_core"]
    if chip.cores > 1 and (placement is None or placement.cores > 1):
        needed.append("capacity.destination_cores")
    if chip.restrictions.weight_bytes is None:
        needed.append("capacity.synapses_per_core")
    return tuple(path for path in needed if chip.figure(path) is None)


CHECKED = CheckedFamily()
