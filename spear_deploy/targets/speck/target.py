"""Speck as a target: a chip bound to the range of the input lowers networks to programs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from spear_deploy.errors import Finding, InputError, UnsupportedError
from spear_deploy.execution import Execution
from spear_deploy.frontends import Semantics
from spear_deploy.network import Network
from spear_deploy.placement import Placement
from spear_deploy.targets.protocol import Emulator, Exporter, InputRange, Lowered, LoweringOptions
from spear_deploy.targets.rules import Rule, check_rules, group_findings
from spear_deploy.targets.speck import program_file
from spear_deploy.targets.speck.layers import Layer, constants_of, layers_of
from spear_deploy.targets.speck.memory import LayerSize, size_of
from spear_deploy.targets.speck.own_neuron import own_semantics, with_own_neurons
from spear_deploy.targets.speck.place import PLACE_RULES, core_figures, place
from spear_deploy.targets.speck.profile import SpeckProfile
from spear_deploy.targets.speck.program import SpeckProgram
from spear_deploy.targets.speck.quantise import PROGRAM_RULES, grids_of, quantise, word_figures
from spear_deploy.targets.speck.rules import NETWORK_RULES, LayersToLower, network_figures

if TYPE_CHECKING:
    from spear_deploy.simulate.simulator import NetworkSimulator


@dataclass(frozen=True, eq=False)
class SpeckCompiler:
    """Lowers networks to one Speck chip."""

    chip: SpeckProfile
    inputs: Mapping[str, InputRange]

    @property
    def identity(self) -> Mapping[str, object]:
        """What a program depends on besides the network."""
        return {"chip": [self.chip.name, self.chip.fingerprint]}

    @property
    def weight_bits(self) -> int:
        """Bits of a weight."""
        return self.chip.words.weight_bits.value

    def lower(self, network: Network) -> Lowered:
        """Quantise and place a network; raises :class:`UnsupportedError` with every rule that it breaks."""
        layers, notes = self._checked(network)
        placement = place(_sizes(network, layers), self.chip)
        cores = {population.name: population.first_core for population in placement.populations}
        program = quantise(network, layers, self.chip, self.inputs, cores)
        found = check_rules(PROGRAM_RULES, program, self.chip, word_figures(self.chip))
        if errors := [finding for finding in found if finding.severity == "error"]:
            raise UnsupportedError(group_findings(errors))
        told = group_findings([*notes, *found])
        return Lowered(SPECK, program, placement, told, grids_of(network, program, self.chip.words))

    def place(self, network: Network) -> Placement:
        """Place a network by its shapes alone.

        Raises :class:`UnsupportedError` for what is not a layer of the chip and has no size on it.
        """
        return place(_sizes(network, self._checked(network)[0]), self.chip)

    def trainable(self, network: Network) -> NetworkSimulator:
        """Return what runs a network event by event, and trains it by rates."""
        from spear_deploy.targets.speck.training import SpeckSimulator

        self._checked(network)
        return SpeckSimulator(network, self.lower)

    def adapt(self, network: Network, semantics: Semantics) -> tuple[Network, Semantics]:
        """Give a network integrate-and-fire neurons with a lower limit."""
        return with_own_neurons(network), own_semantics(network, semantics)

    def _checked(self, network: Network) -> tuple[tuple[Layer, ...], list[Finding]]:
        """Return the layers and the notes of a network; raise all that is an error."""
        layers = layers_of(network)
        subject = LayersToLower(network, self.inputs, layers)
        found = check_rules(NETWORK_RULES, subject, self.chip, network_figures(self.chip))
        if errors := [finding for finding in found if finding.severity == "error"]:
            raise UnsupportedError(group_findings(errors))
        return layers, found


def _sizes(network: Network, layers: tuple[Layer, ...]) -> list[LayerSize]:
    constants = constants_of(network)
    return [
        size_of(layer, has_bias=bool(np.any(constants[layer.name])), is_output=layer.name in network.outputs)
        for layer in layers
    ]


class SpeckTarget:
    """SynSense Speck (DYNAP-CNN), as sinabs quantises and places, emulated event by event."""

    name = "speck"
    profile = SpeckProfile
    emulated = (
        "handles event after event as the asynchronous chip does. On ten N-MNIST recordings the first layer fired "
        "0.05 % more than a real Speck's, and 97.4 % of its 40,960 neurons fired as often; deeper layers, biases and "
        "other networks were not compared with silicon. A backend is compared with the reference emulator of time steps"
    )
    counts_zeros = True
    exporters: Mapping[str, Exporter] = MappingProxyType({})

    def rules(self, chip: SpeckProfile) -> list[tuple[Rule, Mapping[str, str]]]:
        """Return every rule with the figures that fill its text."""
        of_network, of_cores, of_words = network_figures(chip), core_figures(chip), word_figures(chip)
        return [
            *((each, of_network) for each in NETWORK_RULES),
            *((each, of_cores) for each in PLACE_RULES),
            *((each, of_words) for each in PROGRAM_RULES),
        ]

    def compiler(self, chip: SpeckProfile, inputs: Mapping[str, InputRange], options: LoweringOptions) -> SpeckCompiler:
        """Bind a chip and the range of each input; raises :class:`InputError` (E007) for another number of weight
        bits."""
        own = chip.words.weight_bits.value
        if options.weight_bits not in (None, own):
            message = f"weights of {chip.name} have {own} bits"
            raise InputError.of("E007", f"--weight-bits {options.weight_bits}", message, "leave it out")
        return SpeckCompiler(chip, inputs)

    def emulator(self, program: SpeckProgram, execution: Execution) -> Emulator:
        """Return the emulator that measures: event by event."""
        from spear_deploy.targets.speck.emulator.events import EventEmulator

        return EventEmulator(program, execution)

    def reference(self, program: SpeckProgram, execution: Execution) -> Emulator:
        """Return the emulator of sinabs' time steps."""
        from spear_deploy.targets.speck.emulator.steps import StepEmulator

        return StepEmulator(program, execution)

    def write(self, path: Path, program: SpeckProgram) -> None:
        """Write ``program.h5``."""
        program_file.write_program(path, program)

    def read(self, path: Path) -> SpeckProgram:
        """Read ``program.h5``; raises :class:`InputError` (E010)."""
        return program_file.read_program(path)


SPECK = SpeckTarget()
