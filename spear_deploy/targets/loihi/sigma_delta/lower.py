"""Puts a sigma-delta network on a chip: its integers are what runs, so there is nothing to quantise."""

from __future__ import annotations

from spear_deploy.errors import UnsupportedError
from spear_deploy.network.sigma_delta import SigmaDeltaNetwork
from spear_deploy.placement import Placement
from spear_deploy.targets.loihi.place import place
from spear_deploy.targets.loihi.profile import LoihiProfile
from spear_deploy.targets.loihi.registers import Registers
from spear_deploy.targets.loihi.sigma_delta.program import MESSAGE_BITS, SigmaDeltaProgram


def lower(chip: LoihiProfile, network: SigmaDeltaNetwork) -> tuple[SigmaDeltaProgram, Placement]:
    """Return the program, and its placement on the chip's cores.

    Raises :class:`UnsupportedError` (E034) for a chip whose spikes carry too few bits.
    """
    bits = chip.spikes.payload_bits.value
    if bits < MESSAGE_BITS:
        message = f"sigma-delta messages have {MESSAGE_BITS} bits, spikes of {chip.name} carry {bits}"
        raise UnsupportedError.of("E034", chip.name, message, "choose a chip of Loihi 2, such as loihi2")
    weight_bits = Registers.of(chip).weight_bits
    placement = place(network.shapes, network.synapses, chip, inputs={network.input.name}, weight_bits=weight_bits)
    return SigmaDeltaProgram(chip.name, network), placement
