"""Loihi as a target: a chip bound to a run's options and input lowers networks to programs."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from spear_deploy.errors import Finding, UnsupportedError
from spear_deploy.execution import Execution
from spear_deploy.frontends import Semantics
from spear_deploy.network import Network
from spear_deploy.network.ops import Shape
from spear_deploy.network.sigma_delta import SigmaDeltaNetwork
from spear_deploy.network.synapses import ConvSynapses, Synapses
from spear_deploy.placement import Placement
from spear_deploy.placement.cuts import Cut
from spear_deploy.targets.loihi import program_file
from spear_deploy.targets.loihi.grids import grids_of
from spear_deploy.targets.loihi.kinds import emulator_of
from spear_deploy.targets.loihi.net_export import NetExporter
from spear_deploy.targets.loihi.own_neuron import own_semantics, with_own_neurons
from spear_deploy.targets.loihi.place import place
from spear_deploy.targets.loihi.profile import LoihiProfile
from spear_deploy.targets.loihi.program import LoihiProgram
from spear_deploy.targets.loihi.quantise import quantise, quantise_to_train
from spear_deploy.targets.loihi.register_rules import INPUT_RULES, LOSS_RULES, REGISTER_RULES
from spear_deploy.targets.loihi.registers import Registers
from spear_deploy.targets.loihi.rules import CORE_RULES, NETWORK_RULES, core_figures
from spear_deploy.targets.loihi.sigma_delta.lower import lower as lower_sigma_delta
from spear_deploy.targets.narrowing import with_narrowings
from spear_deploy.targets.protocol import Emulator, Exporter, InputRange, Lowered, LoweringOptions
from spear_deploy.targets.rules import Rule
from spear_deploy.targets.sigma_delta import LoweredSigmaDelta

if TYPE_CHECKING:
    from spear_deploy.simulate.simulator import NetworkSimulator


@dataclass(frozen=True, eq=False)
class LoihiCompiler:
    """Lowers networks to one Loihi chip."""

    chip: LoihiProfile
    inputs: Mapping[str, InputRange]
    options: LoweringOptions
    registers: Registers

    @property
    def identity(self) -> Mapping[str, object]:
        """What a program depends on besides the network."""
        return {
            "chip": [self.chip.name, self.chip.fingerprint],
            "weight_bits": self.weight_bits,
            "keep_to": self.options.keep_to,
        }

    @property
    def weight_bits(self) -> int:
        """Bits of a weight."""
        return self.registers.weight_bits

    def lower(self, network: Network) -> Lowered:
        """Quantise and place a network.

        Raises :class:`UnsupportedError` as :func:`quantise` does, with the populations that no core can hold
        (E036) beside its findings.
        """
        try:
            quantised = quantise(network, self.chip.name, self.registers, self.inputs)
        except UnsupportedError as error:
            if any(finding.code == "E037" for finding in error.findings):
                raise  # what cannot be composed cannot be placed
            unplaceable = [f for f in self._beyond(network, self.place(network)) if f.code == "E036"]
            raise UnsupportedError([*error.findings, *unplaceable]) from error
        program = quantised.program
        placement = self._place(program.shapes, program.synapses, *_ends(program))
        placement = replace(placement, findings=self._beyond(network, placement))
        grids = grids_of(quantised.network, program, self.registers)
        return Lowered(LOIHI, program, placement, quantised.notes, grids)

    def _beyond(self, network: Network, placement: Placement) -> tuple[Finding, ...]:
        """Return what does not fit, with the smallest change that mends it."""
        return with_narrowings(placement.findings, network, lambda narrower: self.place(narrower).findings)

    def place(self, network: Network) -> Placement:
        """Place a network by its shapes alone."""
        inputs = {port.name for port in network.inputs}
        firing = [population for population in network.neurons if not population.neuron.is_readout]
        subtracting = {population.name for population in firing if population.neuron.reset == "subtract"}
        return self._place(network.shapes, network.outlines, inputs, subtracting)

    def recut(self, lowered: Lowered, cuts: Mapping[str, Sequence[Cut]]) -> Placement | None:
        """Place what was lowered with populations cut so.

        None where a core cannot hold a part of it, or where channels that share a part do not share their inputs.
        """
        program = lowered.program
        assert isinstance(program, LoihiProgram)
        apart = {s.target for s in program.synapses if isinstance(s, ConvSynapses) and 1 < s.groups < len(s.weight)}
        if any(cuts[name][0].order for name in apart & cuts.keys()):
            return None  # what a tile takes is known of adjacent channels alone
        placement = self._place(program.shapes, program.synapses, *_ends(program), cuts)
        beyond = {each.name for each in placement.populations if max(each.utilisation.values()) > 1}
        if beyond & cuts.keys():
            return None
        fixes = {(found.code, found.where): found.fix for found in lowered.placement.findings}
        findings = (replace(each, fix=fixes.get((each.code, each.where), each.fix)) for each in placement.findings)
        return replace(placement, findings=tuple(findings))

    def trainable(self, network: Network) -> NetworkSimulator:
        """Return what trains the network as the integers that it is lowered to.

        Raises :class:`UnsupportedError` as :func:`quantise` does.
        """
        from spear_deploy.targets.loihi.training.simulator import LoihiSimulator

        quantised = quantise_to_train(network, self.chip.name, self.registers, self.inputs)
        return LoihiSimulator(quantised.network, quantised.program, self.registers, self.inputs)

    def adapt(self, network: Network, semantics: Semantics) -> tuple[Network, Semantics]:
        """Give a network the built-in neuron."""
        return with_own_neurons(network), own_semantics(semantics)

    def _place(
        self,
        shapes: Mapping[str, Shape],
        synapses: Sequence[Synapses],
        inputs: Collection[str],
        subtracting: Collection[str],
        cuts: Mapping[str, Sequence[Cut]] = MappingProxyType({}),
    ) -> Placement:
        cost = self.chip.neuron.subtract_compartments
        compartments = dict.fromkeys(subtracting, cost.value) if cost else {}
        bits = self.registers.weight_bits
        return place(shapes, synapses, self.chip, inputs=inputs, weight_bits=bits, compartments=compartments, cuts=cuts)


def _ends(program: LoihiProgram) -> tuple[set[str], set[str]]:
    """Return the names of the inputs, and of the populations that subtract their threshold at a spike."""
    inputs = {port.name for port in program.inputs}
    return inputs, {each.name for each in program.populations if each.reset == "subtract"}


class LoihiTarget:
    """Loihi and Loihi 2, as Lava's fixed-point models compute them."""

    name = "loihi"
    profile = LoihiProfile
    emulated = "follows the fixed-point equations of Lava's CPU models bit for bit, which is not proof for silicon"
    counts_zeros = False
    exporters: Mapping[str, Exporter] = MappingProxyType({"net": NetExporter()})

    def rules(self, chip: LoihiProfile) -> list[tuple[Rule, Mapping[str, str]]]:
        """Return every rule with the figures that fill its text."""
        of_registers, of_cores = Registers.of(chip).figures, core_figures(chip)
        return [
            *((each, of_registers) for each in (*NETWORK_RULES, *REGISTER_RULES, *INPUT_RULES, *LOSS_RULES)),
            *((each, of_cores) for each in CORE_RULES),
        ]

    def compiler(self, chip: LoihiProfile, inputs: Mapping[str, InputRange], options: LoweringOptions) -> LoihiCompiler:
        """Bind a chip, the range of each input, and options; raises :class:`InputError` (E007)."""
        return LoihiCompiler(chip, inputs, options, Registers.of(chip, options))

    def lower_sigma_delta(self, chip: LoihiProfile, network: SigmaDeltaNetwork) -> LoweredSigmaDelta:
        """Put a sigma-delta network on a chip; raises :class:`UnsupportedError` (E034)."""
        program, placement = lower_sigma_delta(chip, network)
        return LoweredSigmaDelta(self, program, placement, (), network=network)

    def emulator(self, program: object, execution: Execution) -> Emulator:
        """Return the emulator of this processor, or of another device of torch's, for a program of any kind."""
        return emulator_of(program, execution)

    def reference(self, program: object, execution: Execution) -> Emulator:
        """Return the emulator: Lava's models are what it follows."""
        return self.emulator(program, execution)

    def write(self, path: Path, program: LoihiProgram) -> None:
        """Write ``program.h5``."""
        program_file.write_program(path, program)

    def read(self, path: Path) -> LoihiProgram:
        """Read ``program.h5``; raises :class:`InputError` (E010)."""
        return program_file.read_program(path)


LOIHI = LoihiTarget()
