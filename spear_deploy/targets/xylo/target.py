"""Xylo as a target: a chip bound to a run's options and input lowers networks to programs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from spear_deploy.errors import InputError
from spear_deploy.execution import Execution
from spear_deploy.frontends import Semantics
from spear_deploy.network import Network
from spear_deploy.placement import Placement
from spear_deploy.targets.narrowing import with_narrowings
from spear_deploy.targets.protocol import Emulator, Exporter, InputRange, Lowered, LoweringOptions
from spear_deploy.targets.rules import Rule
from spear_deploy.targets.xylo import program_file
from spear_deploy.targets.xylo.grids import grids_of
from spear_deploy.targets.xylo.layer import layers_of
from spear_deploy.targets.xylo.own_neuron import own_semantics, with_own_neurons
from spear_deploy.targets.xylo.place import CORE_RULES, place
from spear_deploy.targets.xylo.profile import XyloProfile
from spear_deploy.targets.xylo.program import XyloProgram
from spear_deploy.targets.xylo.quantise import all_figures, quantise
from spear_deploy.targets.xylo.registers import Registers
from spear_deploy.targets.xylo.rules import NETWORK_RULES
from spear_deploy.targets.xylo.sample_rules import FLOAT_RULES, LAYER_RULES

if TYPE_CHECKING:
    from spear_deploy.simulate.simulator import NetworkSimulator

_SPARE = 0.02
"""Share of the spikes that may move at first, for room that training needs: inhibition deepens as it goes."""


@dataclass(frozen=True, eq=False)
class XyloCompiler:
    """Lowers networks to one Xylo chip."""

    chip: XyloProfile
    inputs: Mapping[str, InputRange]
    options: LoweringOptions
    registers: Registers

    @property
    def identity(self) -> Mapping[str, object]:
        """What a program depends on besides the network."""
        return {"chip": [self.chip.name, self.chip.fingerprint], "weight_bits": self.weight_bits}

    @property
    def weight_bits(self) -> int:
        """Bits of a weight."""
        return self.registers.weight_bits

    def lower(self, network: Network) -> Lowered:
        """Round and place a network; raises :class:`UnsupportedError` as :func:`.quantise` does."""
        rounded = quantise(network, self.chip, self.registers, self.inputs)
        program = rounded.program
        hidden = [population.name for population in program.hidden]
        placement = place(hidden, program.outputs, program.shapes, program.synapses, self.chip, self.weight_bits)
        found = with_narrowings(placement.findings, network, lambda narrower: self.place(narrower).findings)
        placement = replace(placement, findings=found)
        grids = grids_of(layers_of(network, self.registers), program, self.registers)
        return Lowered(XYLO, program, placement, rounded.notes, grids)

    def place(self, network: Network) -> Placement:
        """Place a network by its shapes and the synapses that it has."""
        hidden = [layer.name for layer in layers_of(network, self.registers) if layer.name not in network.outputs]
        return place(hidden, network.outputs, network.shapes, network.synapses, self.chip, self.weight_bits)

    def trainable(self, network: Network) -> NetworkSimulator:
        """Return what trains the network as the integers that it is lowered to.

        Raises :class:`UnsupportedError` as :func:`.quantise` does.
        """
        from spear_deploy.targets.xylo.training import XyloSimulator

        program = quantise(network, self.chip, self.registers, self.inputs, spare=_SPARE).program
        return XyloSimulator(network, program, self.registers)

    def adapt(self, network: Network, semantics: Semantics) -> tuple[Network, Semantics]:
        """Give a network the chip's own neuron."""
        return with_own_neurons(network, self.registers, self.inputs), own_semantics(semantics)


class XyloTarget:
    """Xylo of SynSense, as xylosim computes it: one core, several spikes a step, decays by shifts."""

    name = "xylo"
    profile = XyloProfile
    emulated = "follows the integer equations of xylosim 0.1.3 bit for bit, which is not proof for silicon"
    counts_zeros = False
    exporters: Mapping[str, Exporter] = MappingProxyType({})

    def rules(self, chip: XyloProfile) -> list[tuple[Rule, Mapping[str, str]]]:
        """Return every rule with the figures that fill its text."""
        figures = all_figures(chip, Registers.of(chip))
        return [(each, figures) for each in (*NETWORK_RULES, *FLOAT_RULES, *LAYER_RULES, *CORE_RULES)]

    def compiler(self, chip: XyloProfile, inputs: Mapping[str, InputRange], options: LoweringOptions) -> XyloCompiler:
        """Bind a chip, the range of each input, and options; raises :class:`InputError` (E007)."""
        return XyloCompiler(chip, inputs, options, Registers.of(chip, options))

    def emulator(self, program: XyloProgram, execution: Execution) -> Emulator:
        """Return the emulator, which runs on this processor; raises :class:`InputError` (E008) for another device."""
        if execution.device != "cpu":
            fix = "leave --device out: a core of a thousand neurons runs fastest on the processor"
            raise InputError.of("E008", f"--device {execution.device}", "Xylo is emulated on the processor alone", fix)
        from spear_deploy.targets.xylo.emulator import XyloEmulator

        return XyloEmulator(program, execution)

    def reference(self, program: XyloProgram, execution: Execution) -> Emulator:
        """Return the emulator: xylosim's models are what it follows."""
        return self.emulator(program, execution)

    def write(self, path: Path, program: XyloProgram) -> None:
        """Write ``program.h5``."""
        program_file.write_program(path, program)

    def read(self, path: Path) -> XyloProgram:
        """Read ``program.h5``; raises :class:`InputError` (E010)."""
        return program_file.read_program(path)


XYLO = XyloTarget()
