"""A LIF whose spike takes the threshold off its membrane potential."""

from typing import Any

from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.resources import CPU
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol
from lava.proc.lif.process import LIFReset

from spear_deploy_lava.neurons import PyPeriodicLIF


class SubtractingLIF(LIFReset):
    """Lava's LIFReset, but a spike leaves ``v - (vth << 6)`` instead of 0."""


@implements(proc=SubtractingLIF, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PySubtractingLIF(PyPeriodicLIF):
    """Model of :class:`SubtractingLIF`; the arithmetic is Lava's own."""

    def reset_voltage(self, spike_vector: Any) -> None:
        """Take the threshold off."""
        self.v[:] -= spike_vector * self.effective_vth
