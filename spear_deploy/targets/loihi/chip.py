"""Lowering to one chip: quantise and place, with all findings of both."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from spear_deploy.chips.schema import ChipProfile
from spear_deploy.errors import Finding, UnsupportedError
from spear_deploy.network import Network
from spear_deploy.network.ops import Shape
from spear_deploy.network.synapses import Synapses, compose
from spear_deploy.targets.loihi.place import Placement, place
from spear_deploy.targets.loihi.program import ChipProgram
from spear_deploy.targets.loihi.quantise import quantise
from spear_deploy.targets.loihi.registers import InputRange, Registers


@dataclass(frozen=True, eq=False)
class Lowered:
    """A network as one chip's integers, on its cores.  ``placement.findings`` tells if it does not fit."""

    program: ChipProgram
    placement: Placement
    notes: tuple[Finding, ...]


@dataclass(frozen=True, eq=False)
class Chip:
    """A chip profile with the registers and input ranges that a run lowers to."""

    profile: ChipProfile
    registers: Registers
    ranges: Mapping[str, InputRange]

    def lower(self, network: Network) -> Lowered:
        """Quantise and place a network.

        Raises :class:`UnsupportedError` as :func:`quantise` does, with the populations that no core can hold
        (E036) beside its findings.
        """
        try:
            quantised = quantise(network, self.profile.name, self.registers, self.ranges)
        except UnsupportedError as error:
            if any(finding.code == "E037" for finding in error.findings):
                raise  # what cannot be composed cannot be placed
            unplaceable = [f for f in self.place(network).findings if f.code == "E036"]
            raise UnsupportedError([*error.findings, *unplaceable]) from error
        program = quantised.program
        inputs = {port.name for port in program.inputs}
        subtracting = {p.name for p in program.populations if p.reset == "subtract"}
        return Lowered(program, self._placement(program.shapes, program.synapses, inputs, subtracting), quantised.notes)

    def place(self, network: Network) -> Placement:
        """Place a network by its shapes alone, without quantising it."""
        shapes = {p.name: p.shape for p in network.populations}
        inputs = {p.name for p in network.inputs}
        neurons = {p.name: p.neuron for p in network.neurons if p.neuron is not None}
        subtracting = {name for name, n in neurons.items() if n.reset == "subtract" and not n.is_readout}
        return self._placement(shapes, compose(network), inputs, subtracting)

    def _placement(
        self,
        shapes: Mapping[str, Shape],
        synapses: Sequence[Synapses],
        inputs: Collection[str],
        subtracting: Collection[str],
    ) -> Placement:
        cost = self.profile.neuron.subtract_compartments
        compartments = dict.fromkeys(subtracting, cost.value) if cost else {}
        bits = self.registers.weight_bits
        return place(shapes, synapses, self.profile, inputs=inputs, weight_bits=bits, compartments=compartments)
