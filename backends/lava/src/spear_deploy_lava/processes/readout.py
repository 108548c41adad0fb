"""A neuron that never fires: its output is its membrane potential."""

from typing import Any

from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.resources import CPU
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol
from lava.proc.lif.process import AbstractLIF

from spear_deploy_lava.neurons import PyPeriodicNeuron


class Readout(AbstractLIF):
    """Lava's LIF without threshold; u and v are zeroed before step t where ``t % reset_interval == reset_offset``."""

    def __init__(
        self,
        *,
        shape: tuple[int, ...],
        du: Any,
        dv: Any,
        bias_mant: Any,
        bias_exp: Any,
        reset_interval: int,
        reset_offset: int,
    ) -> None:
        super().__init__(
            shape=shape,
            u=0,
            v=0,
            du=du,
            dv=dv,
            bias_mant=bias_mant,
            bias_exp=bias_exp,
            name="",
            log_config=None,
            reset_interval=reset_interval,
            reset_offset=reset_offset,
        )


@implements(proc=Readout, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyReadout(PyPeriodicNeuron):
    """Model of :class:`Readout`; the arithmetic is Lava's own."""

    def scale_threshold(self) -> None:
        """There is none."""

    def spiking_activation(self) -> Any:
        """Send v."""
        return self.v

    def reset_voltage(self, spike_vector: Any) -> None:
        """Nothing fires, nothing is reset."""
