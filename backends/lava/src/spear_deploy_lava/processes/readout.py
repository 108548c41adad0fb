"""A neuron that never fires: its output is its membrane potential."""

from typing import Any

import numpy as np
from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.model.py.ports import PyOutPort
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.resources import CPU
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol
from lava.proc.lif.models import AbstractPyLifModelFixed
from lava.proc.lif.process import AbstractLIF


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
class PyReadout(AbstractPyLifModelFixed):
    """Model of :class:`Readout`; the arithmetic is Lava's own."""

    s_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32, precision=24)

    def __init__(self, proc_params: Any) -> None:
        super().__init__(proc_params)
        self.reset_interval = proc_params["reset_interval"]
        self.reset_offset = proc_params["reset_offset"] % self.reset_interval

    def run_spk(self) -> None:
        """Integrate one step and send v."""
        arriving = self.a_in.recv()
        if self.time_step % self.reset_interval == self.reset_offset:
            self.u[:] = 0
            self.v[:] = 0
        self.scale_bias()
        self.subthr_dynamics(activation_in=arriving)
        self.s_out.send(self.v)
