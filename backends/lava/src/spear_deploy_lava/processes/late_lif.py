"""A LIF that is reset in the step after its spike."""

from typing import Any

from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.resources import CPU
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol
from lava.proc.lif.process import LIFReset

from spear_deploy_lava.neurons import PyPeriodicLIF


class LateLIF(LIFReset):
    """Lava's LIFReset, but v keeps its value in the step of a spike and is 0 after the next, whatever arrives then."""


@implements(proc=LateLIF, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyLateLIF(PyPeriodicLIF):
    """Model of :class:`LateLIF`; the arithmetic is Lava's own."""

    def subthr_dynamics(self, activation_in: Any) -> None:
        """Integrate; v is still that of the last step, so it tells who fired then."""
        fired = self.spiking_activation()
        super().subthr_dynamics(activation_in)
        self.v[fired] = 0

    def reset_voltage(self, spike_vector: Any) -> None:
        """Leave v as it is until the next step."""
