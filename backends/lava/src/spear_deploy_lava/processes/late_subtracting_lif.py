"""A LIF whose spike takes the threshold off its membrane potential in the following step."""

from typing import Any

from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.resources import CPU
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol
from lava.proc.lif.process import LIFReset

from spear_deploy_lava.neurons import PyPeriodicLIF


class LateSubtractingLIF(LIFReset):
    """Lava's LIFReset, but v keeps its value in the step of a spike and gets ``vth << 6`` less in the next."""


@implements(proc=LateSubtractingLIF, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyLateSubtractingLIF(PyPeriodicLIF):
    """Model of :class:`LateSubtractingLIF`; the arithmetic is Lava's own."""

    def subthr_dynamics(self, activation_in: Any) -> None:
        """Integrate with the threshold as a negative bias; v is still that of the last step and tells who fired."""
        self.effective_bias = self.effective_bias - self.spiking_activation() * self.effective_vth
        super().subthr_dynamics(activation_in)

    def reset_voltage(self, spike_vector: Any) -> None:
        """Leave v as it is until the next step."""
